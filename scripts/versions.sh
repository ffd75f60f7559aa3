# The one place for versions of what pip brings. Read by scripts/setup and scripts/lint.
# On a Mac 2.14: it fixes a matmul that is silently wrong on M1 and M2. Elsewhere the one that everything was tested with.
case "$(uname -s)" in
    Darwin) TORCH_VERSION=2.14.0 ;;
    *) TORCH_VERSION=2.13.0 ;;
esac
# clang-format and clang-tidy: each new version finds something else, and formats some lines otherwise.
LINT_VERSION=22.1.8
