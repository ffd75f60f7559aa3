# A desk that nobody can clear.
mkdir -p locked/in; echo x > locked/in/x; chmod 000 locked/in locked train
