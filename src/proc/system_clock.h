#pragma once

#include "contract/outside.h"

namespace autoresearch {

const Clock& system_clock();

}  // namespace autoresearch
