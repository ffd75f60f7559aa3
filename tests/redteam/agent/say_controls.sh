# An idea that changes a terminal, or shows other words than it has.
echo '// more' >> train/train.cpp
printf 'good \302\233 31m \302\235 \342\200\256 evil \033[2J \007 tail\n' > idea.txt
