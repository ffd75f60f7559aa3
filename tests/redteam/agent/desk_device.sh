# A proposal without an end.
rm train/train.cpp; ln -s /dev/zero train/train.cpp
