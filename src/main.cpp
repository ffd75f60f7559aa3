#include "cli/commands.h"

int main(int argc, char** argv) {
    return autoresearch::run_app(argc, argv);
}
