#include <cstring>

#include "box/box.h"
#include "cli/commands.h"
#include "proc/boxed.h"

int main(int argc, char** argv) {
    // Before anything else: it only becomes another program.
    if (argc > 1 && std::strcmp(argv[1], "confine") == 0)
        return argc > 2 ? autoresearch::confine(argc, argv) : autoresearch::print_box();
    return autoresearch::run_app(argc, argv);
}
