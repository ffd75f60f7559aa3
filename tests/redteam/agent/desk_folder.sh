# No file at all.
rm train/train.cpp; mkdir -p train/train.cpp/x
