# The one place for versions of what pip installs. Read by scripts/setup and scripts/lint.
# On a Mac 2.14, which fixes a matmul that is silently wrong on M1 and M2. Elsewhere the version that everything was tested with.
case "$(uname -s)" in
    Darwin) TORCH_VERSION=2.14.0 ;;
    *) TORCH_VERSION=2.13.0 ;;
esac
# clang-format and clang-tidy: each new version finds something new and formats some lines differently.
LINT_VERSION=22.1.8
CUDNN_FRONTEND_VERSION=1.18.0
