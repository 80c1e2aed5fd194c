// Write Forebay filters in C++ 17 or later: this header and `forebay.h` of the SDK for C.
//
//   #include "forebay.hpp"
//
//   static forebay::answer is_paid(forebay::event event) { return event.type() == "order.paid"; }
//
//   FOREBAY_FILTER(is_paid)
//
// It needs no standard library and no exceptions. Where <string_view> is there, views and
// std::string_view become one another without a word.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#if __has_include("forebay.h")
#include "forebay.h"
#else
#include "../c/forebay.h"
#endif

#if __has_include(<string_view>)
#include <string_view>
#define FOREBAY__HAS_STRING_VIEW 1
#endif

namespace forebay {

/// Bytes of anybody's: an event's, a literal's, the arena's. They do not end with a NUL.
class view {
public:
    constexpr view() = default;
    constexpr view(const char *ptr, size_t len) : ptr_(ptr), len_(len) {}
    constexpr view(const char *text) : ptr_(text), len_(__builtin_strlen(text)) {}
    constexpr view(forebay_bytes bytes) : ptr_(bytes.ptr), len_(bytes.len) {}
    constexpr operator forebay_bytes() const { return {ptr_, len_}; }
#ifdef FOREBAY__HAS_STRING_VIEW
    constexpr view(std::string_view text) : ptr_(text.data()), len_(text.size()) {}
    constexpr operator std::string_view() const { return {ptr_, len_}; }
    friend constexpr bool operator==(view a, std::string_view b) { return a.equals(view(b)); }
    friend constexpr bool operator!=(view a, std::string_view b) { return !a.equals(view(b)); }
#endif

    constexpr const char *data() const { return ptr_; }
    constexpr size_t size() const { return len_; }
    constexpr bool empty() const { return len_ == 0; }
    constexpr const char *begin() const { return ptr_; }
    constexpr const char *end() const { return ptr_ + len_; }
    constexpr char operator[](size_t i) const { return ptr_[i]; }

    /// From `from`, at most `len` bytes; both are cut to what is there.
    constexpr view substr(size_t from, size_t len = npos) const
    {
        if (from > len_) from = len_;
        return {ptr_ + from, len < len_ - from ? len : len_ - from};
    }

    constexpr bool starts_with(view begin) const
    {
        return len_ >= begin.len_ && substr(0, begin.len_).equals(begin);
    }

    /// Where `what` begins first, from `from` on; `npos` when it is not there.
    size_t find(view what, size_t from = 0) const
    {
        size_t at = from > len_ ? npos : forebay_find(substr(from), what);
        return at == npos ? npos : from + at;
    }

    bool contains(view what) const { return find(what) != npos; }

    friend constexpr bool operator==(view a, view b) { return a.equals(b); }
    friend constexpr bool operator!=(view a, view b) { return !a.equals(b); }
    friend constexpr bool operator==(view a, const char *b) { return a.equals(view(b)); }
    friend constexpr bool operator!=(view a, const char *b) { return !a.equals(view(b)); }

    static constexpr size_t npos = (size_t)-1;

private:
    constexpr bool equals(view other) const
    {
        return len_ == other.len_ && (len_ == 0 || __builtin_memcmp(ptr_, other.ptr_, len_) == 0);
    }

    const char *ptr_ = nullptr;
    size_t len_ = 0;
};

/// Text in the arena that grows. Build one after the other rather than two in turn.
class text {
public:
    text &operator<<(view more) { forebay_add(&bytes_, more); return *this; }
    text &operator<<(const char *more) { return *this << view(more); }
    text &operator<<(char more) { return *this << view(&more, 1); }
    text &operator<<(bool is) { return *this << (is ? "true" : "false"); }
    text &operator<<(int number) { return *this << (long long)number; }
    text &operator<<(unsigned number) { return *this << (unsigned long long)number; }
    text &operator<<(long number) { return *this << (long long)number; }
    text &operator<<(unsigned long number) { return *this << (unsigned long long)number; }
    text &operator<<(long long number) { forebay_add_signed(&bytes_, number); return *this; }
    text &operator<<(unsigned long long number)
    {
        forebay_add_unsigned(&bytes_, number);
        return *this;
    }

    operator view() const { return bytes_; }
    operator forebay_bytes() const { return bytes_; }

private:
    forebay_bytes bytes_ = {nullptr, 0};
};

/// All of these in one, in the arena.
template <class... Parts>
view concat(const Parts &...parts)
{
    text all;
    (all << ... << parts);
    return all;
}

/// What went wrong. As an answer it rejects the event, with this as the reason.
struct error {
    view message;
};

/// A value, or why there is none.
template <class T>
class result {
public:
    result(T value) : value_(value), is_ok_(true) {}
    result(forebay::error error) : error_(error) {}

    explicit operator bool() const { return is_ok_; }
    const T &operator*() const { return value_; }
    const T *operator->() const { return &value_; }
    forebay::error error() const { return error_; }

private:
    T value_{};
    forebay::error error_{};
    bool is_ok_ = false;
};

/// A value that may be absent.
class maybe {
public:
    constexpr maybe() = default;
    constexpr maybe(view value) : value_(value), is_there_(true) {}

    constexpr explicit operator bool() const { return is_there_; }
    constexpr view operator*() const { return value_; }
    constexpr const view *operator->() const { return &value_; }
    constexpr view value_or(view other) const { return is_there_ ? value_ : other; }

private:
    view value_;
    bool is_there_ = false;
};

/// A decimal number that is all of `digits`.
inline result<uint64_t> read_unsigned(view digits)
{
    uint64_t number;
    if (forebay_read_unsigned(digits, &number)) return number;
    return error{concat("no number: ", digits)};
}

/// A name in lower case and a value.
struct header {
    view name;
    view value;
};

/// An event's headers, in their order, for a range-based `for`.
class headers {
public:
    class iterator {
    public:
        explicit iterator(forebay_headers walk) : walk_(walk) { ++*this; }
        header operator*() const { return {walk_.name, walk_.value}; }
        iterator &operator++() { is_there_ = forebay_next_header(&walk_); return *this; }
        bool operator!=(decltype(nullptr)) const { return is_there_; }

    private:
        forebay_headers walk_;
        bool is_there_ = false;
    };

    explicit headers(const forebay_event *event) : event_(event) {}
    iterator begin() const { return iterator(forebay_headers_of(event_)); }
    decltype(nullptr) end() const { return nullptr; }
    uint32_t size() const { return forebay_header_count(event_); }

private:
    const forebay_event *event_;
};

/// What happened: a view into the host's batch, as cheap to copy as a pointer. It is gone when the
/// filter has answered for the whole batch.
class event {
public:
    explicit event(const forebay_event *raw) : raw_(raw) {}

    /// `evt_…`, unique.
    view id() const { return raw_->id; }
    /// Dotted, like `order.paid`.
    view type() const { return raw_->type; }
    /// What keyed order goes by; empty when it has none.
    view key() const { return raw_->key; }
    /// The bytes as they came in.
    view body() const { return raw_->body; }
    /// The name of the source that let the event in.
    view source() const { return forebay_source(raw_); }
    forebay::headers headers() const { return forebay::headers(raw_); }
    /// The first value of a header; `name` in lower case.
    maybe header(view name) const
    {
        for (auto [n, value] : headers()) {
            if (n == name) return value;
        }
        return {};
    }
    /// Its place in the log.
    uint64_t offset() const { return raw_->offset; }
    /// When it came in, since the Unix epoch: the only clock there is.
    int64_t time_ns() const { return raw_->time_ns; }
    /// How often this filter has been given the event before.
    uint32_t runs() const { return raw_->runs; }
    bool is_json() const { return forebay_is_json(raw_); }
    /// Not an event but a timer that the filter has set.
    bool is_timer() const { return forebay_is_timer(raw_); }
    bool is_replay() const { return forebay_is_replay(raw_); }
    /// Somebody tries the filter; nothing is delivered.
    bool is_dry_run() const { return forebay_is_dry_run(raw_); }

    const forebay_event *raw() const { return raw_; }

private:
    const forebay_event *raw_;
};

/// What is delivered in place of an event; what is not set is inherited, not copied.
class output {
public:
    explicit output(event of) : raw_(forebay_output_of(of.raw())) {}

    output &key(view key) { forebay_set_key(&raw_, key); return *this; }
    output &type(view type) { forebay_set_type(&raw_, type); return *this; }
    output &body(view body) { forebay_set_body(&raw_, body); return *this; }
    /// A pipe's declared output by number; 0 is the default one, 0xffff is all.
    output &route(uint16_t route) { forebay_set_route(&raw_, route); return *this; }
    /// Sets one header and keeps those of other names; `name` in lower case. The host refuses names
    /// that belong to the delivery: webhook-*, host, content-length, transfer-encoding.
    output &header(view name, view value) { return without_header(name).add_header(name, value); }
    /// Appends one, whatever there is of that name.
    output &add_header(view name, view value)
    {
        forebay_add_header(&raw_, name, value);
        return *this;
    }
    /// Takes away all of that name.
    output &without_header(view name) { forebay__remove_header(&raw_, name); return *this; }
    output &without_headers() { forebay_clear_headers(&raw_); return *this; }

    const forebay_output *raw() const { return &raw_; }

private:
    forebay_output raw_;
};

/// A fan-out: these instead, in this order; dropped when there are none. At most 64 for one event.
/// There is one at a time, and what it was given counts when it is the answer.
class outputs {
public:
    void add(const output &output) { forebay_emit(output.raw()); }
};

/// What the filter says of one event.
class answer {
public:
    /// Passed as it is, or dropped.
    answer(bool is_wanted) : raw_(forebay_keep(is_wanted)) {}
    /// This instead.
    answer(const output &output) : raw_(forebay_emit(output.raw())) {}
    answer(const outputs &) : raw_(forebay_emitted()) {}
    answer(error error) : raw_(forebay_reject(error.message)) {}
    explicit answer(forebay_verdict raw) : raw_(raw) {}
    /// No text is an answer.
    answer(const void *) = delete;

    forebay_verdict raw() const { return raw_; }

private:
    forebay_verdict raw_;
};

inline answer pass() { return true; }
inline answer drop() { return false; }
/// To the dead letters, where a person finds it with this reason.
inline answer reject(view reason) { return answer(forebay_reject(reason)); }
/// Shown to the filter again, not before so many milliseconds.
inline answer retry(uint32_t delay_ms, view reason)
{
    return answer(forebay_retry(delay_ms, reason));
}

enum class level : uint32_t { debug = 0, info = 1, warn = 2, error = 3 };

/// One line to the operator's log.
inline void log(level level, view line)
{
    forebay__host_log((uint32_t)level, line.data(), line.size());
}

/// Adds to a counter of the filter's own.
inline void count(view name, double by)
{
    forebay__host_metric(name.data(), name.size(), 0, by);
}

/// Sets a gauge of the filter's own.
inline void gauge(view name, double value)
{
    forebay__host_metric(name.data(), name.size(), 1, value);
}

/// A number that a replay draws again: seeded by module, configuration and the event's offset.
inline int64_t random() { return forebay_random(); }

/// A member of the configuration: a string's characters, any other value as JSON.
inline maybe config(view name)
{
    forebay_bytes value;
    if (forebay__config(name, &value)) return view(value);
    return {};
}

/// A value of a lookup table of the filter's application; none where the table or the key is not
/// there. All events of a batch see the same version of it.
inline maybe look_up(view table, view key)
{
    forebay_bytes value;
    if (forebay__look_up(table, key, &value)) return view(value);
    return {};
}

} // namespace forebay

/// Makes a function the filter of this module: `forebay::answer filter(forebay::event)`, or with
/// anything else that becomes an answer.
#define FOREBAY_FILTER(filter)                                                     \
    extern "C" forebay_verdict forebay_filter(const forebay_event *event)          \
    {                                                                              \
        return ::forebay::answer(filter(::forebay::event(event))).raw();           \
    }

/* Without it the linker would run the constructors of globals before every call of the host's. */
extern "C" void __wasm_call_ctors(void);
extern "C" FOREBAY__SHARED __attribute__((export_name("_initialize"))) void _initialize(void)
{
    __wasm_call_ctors();
}
