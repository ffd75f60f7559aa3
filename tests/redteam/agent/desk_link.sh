# A proposal that is another file.
ln -sf ~/.ssh/id train/train.cpp
