#pragma once

#include <bitset>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace autoresearch {

/// The values of environment variables that nobody else may read: keys, tokens and passwords, by the
/// variable's name, and the passwords in addresses of any variable. A value under such a name that is short,
/// a number, an address, a path that exists, or almost one character again and again is none. Found as it is,
/// and as JSON, an address or base64 would have it; not when it is cut, or written in any other way.
class Secrets {
  public:
    using Names = std::set<std::string>;

    explicit Secrets(const std::map<std::string, std::string>& variables);
    /// Those of this process, and of these variables, which have priority.
    static Secrets here(std::map<std::string, std::string> more = {});

    /// Of all variables that may hold one, whatever their value: who needs no keys gets none of these.
    const Names& names() const { return names_; }

    /// The text with "[NAME removed]" in the place of every value. The names are added to `found`.
    std::string clean(std::string_view text, Names& found) const;
    std::string clean(std::string_view text) const;

    /// The same for a text that comes in pieces. What may be the beginning of a value stays in `rest`, until
    /// the next piece, or clean(rest) at the end.
    std::string clean_piece(std::string_view piece, std::string& rest, Names& found) const;

  private:
    struct Form {
        std::string text, name;
    };

    void add_form(const std::string& text, std::string name);
    void add_value(const std::string& value, const std::string& name);
    void add_address(std::string_view value, const std::string& name);
    std::string clean_up_to(std::size_t& end, std::string_view text, bool more_comes, Names& found) const;
    const Form* find_at(std::string_view text) const;
    bool begins_one(std::string_view text) const;

    Names names_;
    std::vector<Form> forms_;      // the longest first
    std::bitset<1 << 16> starts_;  // the first two bytes of each
};

}  // namespace autoresearch
