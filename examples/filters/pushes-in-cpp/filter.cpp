// Passes a GitHub push that leaves commits on one branch and drops all else: see README.md.
#include "forebay.hpp"

#include <nlohmann/json.hpp>
#include <string>

using nlohmann::json;

static std::string wanted = "refs/heads/main";

static bool start(forebay_bytes config)
{
    const json given = json::parse(config.ptr, config.ptr + config.len);
    for (auto &[name, value] : given.items()) {
        if (name != "branch" || !value.is_string()) {
            return forebay_fail(forebay::concat("the configuration: `", name.c_str(),
                                                "` is not the text `branch`, the only key"));
        }
        wanted = "refs/heads/" + value.get<std::string>();
    }
    return true;
}

FOREBAY_START(start)

static forebay::answer is_to_branch(forebay::event event)
{
    if (event.type() != "push") return false;
    // Without exceptions: false has it answer with a value that is discarded.
    const json push = json::parse(event.body().begin(), event.body().end(), nullptr, false);
    if (!push.is_object()) return forebay::error{"the body: it is no JSON object"};
    auto ref = push.find("ref"), deleted = push.find("deleted");
    if (ref == push.end() || !ref->is_string()) return forebay::error{"the body: `ref` is missing"};
    bool is_deleted = deleted != push.end() && *deleted == true;
    return *ref == wanted && !is_deleted;
}

FOREBAY_FILTER(is_to_branch)
