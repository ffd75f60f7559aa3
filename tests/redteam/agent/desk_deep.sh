# Names longer than a path may be, and many of them.
n=$(printf '%0200d' 0); (for i in $(seq 60); do mkdir "$n" && cd -P "$n" || exit; done)
mkdir many; (cd many; seq 3000 | xargs touch)
