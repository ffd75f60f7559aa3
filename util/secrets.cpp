#include "util/secrets.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <regex>
#include <utility>

#include "util/base64.h"
#include "util/environment.h"
#include "util/text.h"

namespace autoresearch {
namespace {

constexpr std::size_t kShortest = 12;         // bytes; a shorter one could be a word of any text
constexpr std::size_t kShortestUserinfo = 8;  // user:password is no word
constexpr std::size_t kLeastDistinct = 5;     // bytes of a value; fewer are a placeholder

bool sounds_like_a_key(const std::string& name) {
    // Not KEYMAP, TOKENIZERS_PARALLELISM, GIT_AUTHOR_NAME, XAUTHORITY, PWD.
    static const std::regex rule(
        "SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|"
        "(KEY|TOKEN|PASS|AUTH|AUTHORIZATION|COOKIE|BEARER|JWT|_PAT|_PWD)S?[0-9]*([^A-Z0-9]|$)",
        std::regex::icase);
    return std::regex_search(name, rule);
}

bool is_secret(const std::string& value) {
    std::error_code missing;
    return value.size() >= kShortest && std::set(value.begin(), value.end()).size() >= kLeastDistinct &&
           value.find_first_not_of("0123456789.,+-") != std::string::npos &&
           !std::filesystem::exists(value, missing);
}

std::string in_json(std::string_view text) {
    std::string result;
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') result += '\\';
        result += byte;
    }
    for (const auto& [raw, escaped] : {std::pair{"\n", "\\n"}, {"\r", "\\r"}, {"\t", "\\t"}})
        result = replace_all(result, raw, escaped);
    return result;
}

std::string in_address(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string result;
    for (const char character : text) {
        const auto byte = static_cast<unsigned char>(character);
        if (std::isalnum(byte) != 0 || std::string_view("-_.~").find(character) != std::string_view::npos)
            result += character;
        else
            (((result += '%') += kDigits[byte >> 4]) += kDigits[byte & 15]);
    }
    return result;
}

/// What an address has in the place of these bytes.
std::string from_address(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string digits(text.substr(i + 1, text[i] == '%' ? 2 : 0));
        const bool escape = digits.size() == 2 && std::isxdigit(static_cast<unsigned char>(digits[0])) != 0 &&
                            std::isxdigit(static_cast<unsigned char>(digits[1])) != 0;
        result += escape ? static_cast<char>(std::stoi(digits, nullptr, 16)) : text[i];
        if (escape) i += 2;
    }
    return result;
}

/// The characters that the text gives in base64 after this many other bytes (0, 1 or 2), whatever is around.
std::string in_base64(const std::string& text, std::size_t after) {
    const std::size_t from = (8 * after + 5) / 6, to = 8 * (after + text.size()) / 6;
    return base64_encode(std::string(after, ' ') + text).substr(from, to - from);
}

std::uint16_t first_two(std::string_view text) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(text[0]) << 8 |
                                      static_cast<unsigned char>(text[1]));
}

}  // namespace

Secrets::Secrets(const std::map<std::string, std::string>& variables) {
    for (const auto& [name, text] : variables) {
        const std::string value(trim(text));
        const bool address = value.find("://") != std::string::npos;
        if (sounds_like_a_key(name)) names_.insert(name);
        if (address) add_address(value, name);
        // A signature is behind a '?'.
        if (names_.contains(name) && (!address || value.find('?') != std::string::npos) && is_secret(value))
            add_value(value, name);
    }
    std::stable_sort(forms_.begin(), forms_.end(),
                     [](const Form& a, const Form& b) { return a.text.size() > b.text.size(); });
    for (const Form& form : forms_) starts_.set(first_two(form.text));
}

Secrets Secrets::here(std::map<std::string, std::string> more) {
    more.merge(current_environment());
    return Secrets(more);
}

void Secrets::add_form(const std::string& text, std::string name) {
    // The name becomes part of JSON strings.
    std::replace_if(
        name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; },
        '_');
    const bool known =
        std::any_of(forms_.begin(), forms_.end(), [&](const Form& form) { return form.text == text; });
    if (!known) forms_.push_back({text, std::move(name)});
}

void Secrets::add_value(const std::string& value, const std::string& name) {
    for (const auto& form : {value, in_json(value), in_address(value)}) add_form(form, name);
    for (const std::size_t after : {0, 1, 2}) {
        const std::string form = in_base64(value, after);
        add_form(form, name);
        add_form(replace_all(replace_all(form, "+", "-"), "/", "_"), name);
    }
    // Programs print the lines of a private key one by one.
    for (const std::string_view line : split_lines(value))
        if (const std::string one(trim(line)); one != value && is_secret(one)) add_form(one, name);
}

/// user:password@, or token@, in every address that the value has.
void Secrets::add_address(std::string_view value, const std::string& name) {
    for (auto at = value.find("://"); at != std::string_view::npos; at = value.find("://", at)) {
        at += 3;
        const std::string_view authority = value.substr(at, value.find_first_of("/?# \n", at) - at);
        const auto end = authority.rfind('@');
        if (end == std::string_view::npos) continue;
        const std::string user(authority.substr(0, end));
        const auto colon = user.find(':');
        const std::string password = user.substr(colon == std::string::npos ? 0 : colon + 1);
        const bool has_password = colon != std::string::npos && !password.empty();
        if (!has_password && !is_secret(password)) continue;
        names_.insert(name);
        if (has_password) add_form(user + "@", name);
        for (const auto& plain : {user, from_address(user)})
            if (has_password && plain.size() >= kShortestUserinfo) add_value(plain, name);
        for (const auto& plain : {password, from_address(password)})
            if (is_secret(plain)) add_value(plain, name);
    }
}

/// The longest that the text begins with.
const Secrets::Form* Secrets::find_at(std::string_view text) const {
    if (text.size() < 2 || !starts_[first_two(text)]) return nullptr;
    const auto found = std::find_if(forms_.begin(), forms_.end(),
                                    [&](const Form& form) { return text.starts_with(form.text); });
    return found == forms_.end() ? nullptr : &*found;
}

/// Whether more could make it a value, or a longer one.
bool Secrets::begins_one(std::string_view text) const {
    if (text.size() > 1 && !starts_[first_two(text)]) return false;
    return std::any_of(forms_.begin(), forms_.end(), [&](const Form& form) {
        return form.text.size() > text.size() && form.text.starts_with(text);
    });
}

/// Up to `end`, which is set: the text's, or where what may be the beginning of a value waits for more.
std::string Secrets::clean_up_to(std::size_t& end, std::string_view text, bool more_comes,
                                 Names& found) const {
    std::string result;
    std::size_t copied = 0;
    const std::size_t longest = forms_.empty() ? 0 : forms_.front().text.size();
    for (end = longest == 0 ? text.size() : 0; end < text.size();) {
        const std::string_view left = text.substr(end);
        if (more_comes && left.size() < longest && begins_one(left)) break;
        const Form* form = find_at(left);
        if (form == nullptr) {
            ++end;
            continue;
        }
        result.append(text, copied, end - copied);
        result += "[" + form->name + " removed]";
        found.insert(form->name);
        copied = end += form->text.size();
    }
    return result.append(text, copied, end - copied);
}

std::string Secrets::clean_piece(std::string_view piece, std::string& rest, Names& found) const {
    const std::string text = rest + std::string(piece);
    std::size_t end = 0;
    std::string result = clean_up_to(end, text, true, found);
    rest = text.substr(end);
    return result;
}

std::string Secrets::clean(std::string_view text, Names& found) const {
    std::size_t end = 0;
    return clean_up_to(end, text, false, found);
}

std::string Secrets::clean(std::string_view text) const {
    Names found;
    return clean(text, found);
}

}  // namespace autoresearch
