# More than a log may hold.
head -c 40000000 /dev/zero | tr '\0' x
