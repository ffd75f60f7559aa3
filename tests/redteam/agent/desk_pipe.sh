# A proposal that never ends.
rm train/train.cpp; mkfifo train/train.cpp
