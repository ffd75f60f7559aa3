#include <gtest/gtest.h>

#include <cstdlib>

#include "temp_directory.h"
#include "util/base64.h"
#include "util/secrets.h"

namespace autoresearch {
namespace {

using Names = Secrets::Names;
using Variables = std::map<std::string, std::string>;

const std::string kKey = "sk-ant/Zq7+wX0y\"1v\\9R";

/// Whether the value of a variable with this name is one.
bool hides(const std::string& name, const std::string& value = kKey) {
    return Secrets(Variables{{name, value}}).clean("(" + value + ")") != "(" + value + ")";
}

TEST(Secrets, ANameTellsWhatAValueIs) {
    for (const char* name :
         {"ANTHROPIC_API_KEY", "OPENAI_API_KEY2", "HF_TOKEN", "GH_TOKEN", "MY_COMPANY_TOKEN",
          "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "DB_PASSWORD", "PGPASSWORD", "SSHPASS", "MYSQL_PWD",
          "npm_config_//host/:_authToken", "GOOGLE_CREDENTIALS", "PROXY_AUTH", "GITHUB_PAT", "API_KEYS",
          "apikey", "SECRET_KEY_BASE", "SESSION_COOKIE"})
        EXPECT_TRUE(hides(name)) << name;
    for (const char* name :
         {"KEYMAP", "KEYBOARD_LAYOUT", "TOKENIZERS_PARALLELISM", "GIT_AUTHOR_NAME", "XAUTHORITY", "PWD",
          "OLDPWD", "XDG_SESSION_DESKTOP", "PATH", "HOME", "AUTORESEARCH_DATA", "LS_COLORS"})
        EXPECT_FALSE(hides(name)) << name;
}

TEST(Secrets, AValueThatIsNoKeyStays) {
    const TempDirectory directory;
    for (const std::string value :
         {"", "k", "eleven-char", "false", "true", "1", "1700000000000.25", "aaaaaaaaaaaaaaaaaaaa",
          "xXxX-xXxX-xXxX", "https://login.example.org/oauth", "/usr/bin/env"})
        EXPECT_FALSE(hides("MY_TOKEN", value)) << value;
    EXPECT_FALSE(hides("SSH_AUTH_SOCK", directory.write("agent.1234", ""))) << "a path";
    EXPECT_TRUE(hides("MY_TOKEN", "/Zq7wX0y1v9R/k2")) << "base64 may begin like a path";
    EXPECT_TRUE(hides("MY_TOKEN", "https://example.org/?sig=Zq7wX0y1v9R"));
}

TEST(Secrets, APasswordInAnAddressIsOneInAnyVariable) {
    const Secrets secrets(Variables{{"https_proxy", "http://ada:Pa%40ss-w0rd-77@proxy.example.org:3128"},
                                    {"INDEX", "https://a:b@one https://tokenZq7wX0y@two"},
                                    {"REMOTE", "ssh://git@github.com/a/b"}});
    EXPECT_EQ(secrets.names(), (Names{"https_proxy", "INDEX"}));
    for (const char* text : {"ada:Pa%40ss-w0rd-77@", "Pa%40ss-w0rd-77", "Pa@ss-w0rd-77", "ada:Pa@ss-w0rd-77"})
        EXPECT_EQ(secrets.clean("<" + std::string(text) + ">"), "<[https_proxy removed]>") << text;
    EXPECT_EQ(secrets.clean("http://proxy.example.org:3128 git@github.com ada b"),
              "http://proxy.example.org:3128 git@github.com ada b");
    EXPECT_EQ(secrets.clean("https://a:b@one, tokenZq7wX0y"), "https://[INDEX removed]one, [INDEX removed]");
}

TEST(Secrets, AValueIsFoundAsProgramsWriteIt) {
    const Secrets secrets(Variables{{"MY_KEY", kKey + "\n"}});
    Names found;
    for (const std::string& text :
         {kKey, std::string(R"(sk-ant/Zq7+wX0y\"1v\\9R)"), std::string("sk-ant%2FZq7%2BwX0y%221v%5C9R")}) {
        found.clear();
        EXPECT_EQ(secrets.clean("a " + text + " b " + text, found), "a [MY_KEY removed] b [MY_KEY removed]")
            << text;
        EXPECT_EQ(found, Names{"MY_KEY"});
    }
    for (const char* around : {"", "u", "us", "use"}) {
        std::string text = base64_encode(around + kKey + around);
        EXPECT_NE(secrets.clean(text), text) << around;
        for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
        const std::string cleaned = secrets.clean(text);
        const auto marker = cleaned.find("[MY_KEY removed]");
        ASSERT_NE(marker, std::string::npos) << around;
        EXPECT_LE(marker, 5U) << "what is left in front belongs to " << around;
    }
    EXPECT_EQ(secrets.clean("nothing here", found), "nothing here");
}

TEST(Secrets, TheLinesOfAPrivateKeyAreFoundOneByOne) {
    const Secrets secrets(Variables{
        {"DEPLOY_KEY", "-----BEGIN KEY-----\nZq7wX0y1v9RZq7w\nX0y1v9RaBcDeFgH\n-----END KEY-----\n"}});
    EXPECT_EQ(secrets.clean("1 X0y1v9RaBcDeFgH\n2 Zq7wX0y1v9RZq7w\n"),
              "1 [DEPLOY_KEY removed]\n2 [DEPLOY_KEY removed]\n");
}

TEST(Secrets, TheLongestValueWins) {
    const Secrets secrets(Variables{{"A_KEY", "Zq7wX0y1v9R-1"}, {"B_KEY", "Zq7wX0y1v9R-1-and-more"}});
    EXPECT_EQ(secrets.clean("Zq7wX0y1v9R-1-and-more Zq7wX0y1v9R-1-and"),
              "[B_KEY removed] [A_KEY removed]-and");
}

/// However a text is cut into pieces, the result is that of the whole.
TEST(Secrets, AValueThatComesInPiecesIsFound) {
    const Secrets secrets(Variables{{"A_KEY", "Zq7wX0y1v9R-1"}, {"B_KEY", "Zq7wX0y1v9R-1-and-more"}});
    const std::string text = "Zq7wX0y1 Zq7wX0y1v9R-1-and Zq7wX0y1v9R-1-and-more. Zq7wX0y1v9R-1";
    const std::string whole = secrets.clean(text);
    EXPECT_EQ(whole, "Zq7wX0y1 [A_KEY removed]-and [B_KEY removed]. [A_KEY removed]");
    for (std::size_t first = 0; first <= text.size(); ++first) {
        for (std::size_t second = first; second <= text.size(); ++second) {
            std::string rest, result;
            Names found;
            for (const auto& piece :
                 {text.substr(0, first), text.substr(first, second - first), text.substr(second)})
                result += secrets.clean_piece(piece, rest, found);
            result += secrets.clean(rest, found);
            ASSERT_EQ(result, whole) << first << " " << second;
            ASSERT_EQ(found, (Names{"A_KEY", "B_KEY"}));
        }
    }
}

TEST(Secrets, TheEnvironmentsAndMore) {
    ::setenv("SECRETS_TEST_TOKEN", "Zq7wX0y1v9R-1", 1);
    const auto secrets = Secrets::here({{"MORE_KEY", "another-Zq7wX0y"}});
    EXPECT_EQ(secrets.clean("Zq7wX0y1v9R-1 another-Zq7wX0y"),
              "[SECRETS_TEST_TOKEN removed] [MORE_KEY removed]");
    ::unsetenv("SECRETS_TEST_TOKEN");
    EXPECT_FALSE(Secrets::here().names().contains("SECRETS_TEST_TOKEN"));
}

}  // namespace
}  // namespace autoresearch
