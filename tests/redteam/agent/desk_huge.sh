# More than memory holds.
truncate -s 1T train/train.cpp; truncate -s 1G idea.txt
