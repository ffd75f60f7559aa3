#include "cli/app.h"

int main(int argc, char** argv) {
    return autoresearch::run_app(argc, argv);
}
