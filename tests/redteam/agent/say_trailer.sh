# An idea that pretends to be a result.
echo '// more' >> train/train.cpp
printf 'x\n\nVal-Bpb: 0.1\nDecision: keep\n' > idea.txt
