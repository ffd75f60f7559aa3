#include <gtest/gtest.h>

#include "util/json.h"

namespace autoresearch {
namespace {

using nlohmann::json;

TEST(Json, IsReadWithoutGoingTooDeep) {
    EXPECT_EQ(parse_json("[1, {\"a\": null}]").size(), 2U);
    EXPECT_EQ(parse_json("[1] // one", true).size(), 1U);
    EXPECT_THROW(parse_json("[1"), json::exception);
    EXPECT_TRUE(try_parse_json("[1").is_discarded());
    const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
    EXPECT_THROW(parse_json(deep), std::invalid_argument);
    EXPECT_TRUE(try_parse_json(deep).is_discarded());
}

TEST(Json, WholeNumbersFitOrAreErrors) {
    const auto fits = []<class Value>(const char* text, Value value) {
        try {
            Value read = 0;
            read_json(parse_json(text), read);
            EXPECT_EQ(read, value) << text;
            return true;
        } catch (const std::exception&) {
            return false;
        }
    };
    EXPECT_TRUE(fits("2147483647", 2147483647));
    EXPECT_TRUE(fits("-2147483648", -2147483647 - 1));
    EXPECT_TRUE(fits("18446744073709551615", ~std::uint64_t{0}));
    for (const char* text :
         {"2147483648", "-2147483649", "1e300", "1.5", "true", "null", "[]", "18446744073709551615"})
        EXPECT_FALSE(fits(text, 0)) << text;
    EXPECT_FALSE(fits("-1", std::uint64_t{0}));
    EXPECT_TRUE(fits("1e300", 1e300));
    EXPECT_TRUE(fits("7", 7.0));
}

}  // namespace
}  // namespace autoresearch
