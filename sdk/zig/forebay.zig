//! Write Forebay filters in Zig.
//!
//!     const forebay = @import("forebay.zig");
//!
//!     fn isPaid(event: forebay.Event) bool {
//!         return event.is("order.paid");
//!     }
//!
//!     comptime {
//!         forebay.filter(isPaid);
//!     }
//!
//! The contract with the host is `sdk/guest-abi.md`.
//!
//! SPDX-License-Identifier: MIT OR Apache-2.0

const std = @import("std");
const builtin = @import("builtin");

comptime {
    if (builtin.target.cpu.arch != .wasm32) {
        @compileError("forebay.zig is for -target wasm32-freestanding");
    }
}

/// Makes a function the filter of this module. It takes an `Event` and answers with
///
///   * `bool`: passed as it is, or dropped;
///   * `Output`: this instead;
///   * `[]const Output`: these instead, in this order, at most 64; dropped when there are none;
///   * `Verdict`: any of these and the others;
///   * an error union of them: an error rejects the event, with what `fail` said as the reason, or
///     else the error's name.
pub fn filter(comptime f: anytype) void {
    const exported = struct {
        fn buffer(len: usize) callconv(.c) usize {
            return memory.buffer(len);
        }

        fn process(batch: *BatchHeader, len: usize) callconv(.c) i64 {
            return processed(batch, len, verdict);
        }

        fn verdict(event: Event) Verdict {
            failure = "";
            return verdictOf(f(event));
        }
    };
    @export(&exported.buffer, .{ .name = "forebay_buffer" });
    @export(&exported.process, .{ .name = "forebay_process_v1" });
}

/// Makes a function `fn (config: []const u8) !void` the filter's start. It is called once for each
/// instance, before any event, with the whole configuration as JSON, which is gone afterwards. An
/// error refuses the configuration.
pub fn start(comptime f: anytype) void {
    const exported = struct {
        fn init(config_json: [*]const u8, len: usize) callconv(.c) i32 {
            failure = "";
            f(config_json[0..len]) catch |err| {
                const why = reasonOf(err);
                _ = host.fail(why.ptr, why.len);
                return -1;
            };
            return 0;
        }
    };
    @export(&exported.init, .{ .name = "forebay_init_v1" });
}

/// What happened: a view into the host's batch, as cheap to copy as a pointer. It is gone when the
/// filter has answered for the whole batch.
pub const Event = struct {
    entry: *const Entry,

    /// `evt_…`, unique.
    pub fn id(event: Event) []const u8 {
        return event.entry.id.slice();
    }

    /// Dotted, like `order.paid`.
    pub fn eventType(event: Event) []const u8 {
        return event.entry.event_type.slice();
    }

    /// Is it of this type?
    pub fn is(event: Event, event_type: []const u8) bool {
        return std.mem.eql(u8, event.eventType(), event_type);
    }

    /// What keyed order goes by, if the event has one.
    pub fn key(event: Event) ?[]const u8 {
        const found = event.entry.key.slice();
        return if (found.len > 0) found else null;
    }

    /// The bytes as they came in.
    pub fn body(event: Event) []const u8 {
        return event.entry.body.slice();
    }

    /// The name of the source that let the event in.
    pub fn source(event: Event) []const u8 {
        return event.header("ce-source") orelse "";
    }

    /// A walk over the headers, in their order.
    pub fn headers(event: Event) Headers {
        return .of(event.entry.headers.slice());
    }

    /// The first value of a header; `name` in lower case.
    pub fn header(event: Event, name: []const u8) ?[]const u8 {
        var walk = event.headers();
        while (walk.next()) |found| {
            if (std.mem.eql(u8, found.name, name)) return found.value;
        }
        return null;
    }

    /// The headers with this one in place of all of its name, for an `Output`; `name` in lower
    /// case. The host refuses names that belong to the delivery: `webhook-*`, `host`,
    /// `content-length`, `transfer-encoding`.
    pub fn withHeader(event: Event, name: []const u8, value: []const u8) ![]const Header {
        var list = try event.headersBut(name);
        try list.append(arena, .{ .name = name, .value = value });
        return list.items;
    }

    /// The headers without all of this name, for an `Output`.
    pub fn withoutHeader(event: Event, name: []const u8) ![]const Header {
        const list = try event.headersBut(name);
        return list.items;
    }

    fn headersBut(event: Event, name: []const u8) !std.ArrayList(Header) {
        var walk = event.headers();
        var list: std.ArrayList(Header) = try .initCapacity(arena, walk.left + 1);
        while (walk.next()) |found| {
            if (!std.mem.eql(u8, found.name, name)) list.appendAssumeCapacity(found);
        }
        return list;
    }

    /// Its place in the log.
    pub fn offset(event: Event) u64 {
        return event.entry.offset;
    }

    /// When it came in, since the Unix epoch: the only clock there is.
    pub fn timeNs(event: Event) i64 {
        return event.entry.time_ns;
    }

    /// How often this filter has been given the event before.
    pub fn runs(event: Event) u32 {
        return event.entry.runs;
    }

    pub fn isJson(event: Event) bool {
        return event.entry.flags & 1 != 0;
    }

    /// Not an event but a timer that the filter has set.
    pub fn isTimer(event: Event) bool {
        return event.entry.flags & 2 != 0;
    }

    pub fn isReplay(event: Event) bool {
        return event.entry.flags & 4 != 0;
    }

    /// Somebody tries the filter; nothing is delivered.
    pub fn isDryRun(event: Event) bool {
        return event.entry.flags & 8 != 0;
    }
};

/// A name in lower case and a value, which is bytes.
pub const Header = struct {
    name: []const u8,
    value: []const u8,
};

pub const Headers = struct {
    /// How many are still to come.
    left: u32,
    rest: []const u8,

    fn of(block: []const u8) Headers {
        if (block.len < 4) return .{ .left = 0, .rest = "" };
        return .{ .left = word(block), .rest = block[4..] };
    }

    pub fn next(walk: *Headers) ?Header {
        if (walk.left == 0 or walk.rest.len < 8) return null;
        const name_len = word(walk.rest) & 0xffff;
        const value_len = word(walk.rest[4..]);
        const room = walk.rest.len - 8;
        if (name_len > room or value_len > room - name_len) {
            trap("a header ends outside of the headers");
        }
        const name = walk.rest[8..][0..name_len];
        const value = walk.rest[8 + name_len ..][0..value_len];
        const end = std.mem.alignForward(usize, 8 + name_len + value_len, 4);
        walk.rest = walk.rest[@min(end, walk.rest.len)..];
        walk.left -= 1;
        return .{ .name = name, .value = value };
    }
};

/// What the filter says of one event. What it points to is read after the whole batch: it is of
/// the event, of the arena, or constant, never on the stack.
pub const Verdict = union(enum) {
    /// Not wanted: nothing is delivered.
    drop,
    /// Delivered as it is.
    pass,
    /// Delivered as these instead, in this order. None is the same as `drop`.
    emit: []const Output,
    /// To the dead letters, where a person finds it with this reason.
    reject: []const u8,
    retry: Retry,
};

/// Shown to the filter again, not before so many milliseconds.
pub const Retry = struct {
    delay_ms: u32,
    reason: []const u8 = "",
};

/// What is delivered in place of an event. What is null is inherited from it, not copied.
pub const Output = struct {
    key: ?[]const u8 = null,
    event_type: ?[]const u8 = null,
    /// All of them: what is not here is gone.
    headers: ?[]const Header = null,
    /// This one in place of all of its name, behind the others, which are copied in one piece;
    /// `name` in lower case. The host refuses names that belong to the delivery: `webhook-*`,
    /// `host`, `content-length`, `transfer-encoding`.
    header: ?Header = null,
    body: ?[]const u8 = null,
    /// A pipe's declared output by number; 0 is the default one, 0xffff is all.
    route: u16 = 0,
};

/// Says why; `return forebay.fail("why")` rejects the event with that reason.
pub fn fail(why: []const u8) error{Failed} {
    failure = why;
    return error.Failed;
}

pub const Level = enum(u32) { debug = 0, info = 1, warn = 2, err = 3 };

/// One line to the operator's log.
pub fn log(level: Level, line: []const u8) void {
    _ = host.log(@backingInt(level), line.ptr, line.len);
}

/// Adds to a counter of the filter's own.
pub fn count(name: []const u8, by: f64) void {
    _ = host.metric(name.ptr, name.len, 0, by);
}

/// Sets a gauge of the filter's own.
pub fn gauge(name: []const u8, value: f64) void {
    _ = host.metric(name.ptr, name.len, 1, value);
}

/// A number that a replay draws again: seeded by module, configuration and the event's offset.
pub fn random() i64 {
    return host.random();
}

/// A member of the configuration: a string's characters, any other value as JSON.
pub fn config(name: []const u8) !?[]const u8 {
    var place: []u8 = &.{};
    while (true) {
        const said = host.config_get(name.ptr, name.len, place.ptr, place.len);
        if (said < 0) return null;
        const len: usize = @intCast(said);
        if (len <= place.len) return place[0..len];
        if (len == 0) return "";
        place = try arena.alloc(u8, len);
    }
}

/// A value of a lookup table of the filter's application; null where the table or the key is not
/// there. All events of a batch see the same version of it.
pub fn lookUp(table: []const u8, key: []const u8) !?[]const u8 {
    var place: []u8 = &.{};
    while (true) {
        const said =
            host.table_get(table.ptr, table.len, key.ptr, key.len, place.ptr, place.len);
        if (said < 0) return null;
        const len: usize = @intCast(said);
        if (len <= place.len) return place[0..len];
        if (len == 0) return "";
        place = try arena.alloc(u8, len);
    }
}

/// Memory that lasts until the host has read the answer to this batch. Nothing of it needs to be
/// freed. What shall last longer belongs in variables, or comes from `std.heap.wasm_allocator`.
pub const arena: std.mem.Allocator = .{ .ptr = undefined, .vtable = &memory.vtable };

/// `pub const panic = forebay.panic;` in the root file: a panic's message reaches the operator
/// before the trap does.
pub const panic = std.debug.FullPanic(panicked);

fn panicked(why: []const u8, _: ?usize) noreturn {
    trap(why);
}

fn trap(why: []const u8) noreturn {
    _ = host.fail(why.ptr, why.len);
    @trap();
}

// Inside.

const host = struct {
    extern "forebay_v1" fn log(level: u32, ptr: [*]const u8, len: usize) i32;
    extern "forebay_v1" fn fail(ptr: [*]const u8, len: usize) i32;
    extern "forebay_v1" fn random() i64;
    extern "forebay_v1" fn metric(ptr: [*]const u8, len: usize, kind: u32, value: f64) i32;
    extern "forebay_v1" fn table_get(
        table: [*]const u8,
        table_len: usize,
        key: [*]const u8,
        len: usize,
        to: [*]u8,
        room: usize,
    ) i32;
    extern "forebay_v1" fn config_get(ptr: [*]const u8, len: usize, to: [*]u8, room: usize) i32;
};

/// What `fail` said of the event in hand.
var failure: []const u8 = "";

fn reasonOf(err: anyerror) []const u8 {
    return if (err == error.Failed and failure.len > 0) failure else @errorName(err);
}

fn verdictOf(answer: anytype) Verdict {
    const Given = @TypeOf(answer);
    if (@typeInfo(Given) == .error_union) {
        const inner = answer catch |err| return .{
            // A failure that gives no reason stays without one.
            .reject = if (err == error.Failed) failure else @errorName(err),
        };
        return verdictOf(inner);
    }
    return switch (Given) {
        Verdict => answer,
        bool => if (answer) .pass else .drop,
        Output => .{ .emit = arena.dupe(Output, &.{answer}) catch outOfMemory() },
        []const Output, []Output => .{ .emit = answer },
        else => @compileError("a filter answers with no " ++ @typeName(Given)),
    };
}

fn outOfMemory() noreturn {
    trap("out of memory");
}

const Bytes = extern struct {
    ptr: usize = 0,
    len: usize = 0,

    fn of(bytes: []const u8) Bytes {
        return .{ .ptr = @intFromPtr(bytes.ptr), .len = bytes.len };
    }

    fn slice(bytes: Bytes) []const u8 {
        if (bytes.len == 0) return "";
        return @as([*]const u8, @ptrFromInt(bytes.ptr))[0..bytes.len];
    }
};

const BatchHeader = extern struct {
    magic: u32,
    version: u16,
    header_len: u16,
    total: u32,
    count: u32,
    entries: usize,
    stride: u32,
    reserved: u64,
    first_offset: u64,
    partition: u32,
    flags: u32,
    progress: u32,
    zero: [3]u32,
};

/// An event as it lies in the batch.
const Entry = extern struct {
    offset: u64,
    time_ns: i64,
    key: Bytes,
    event_type: Bytes,
    headers: Bytes,
    body: Bytes,
    flags: u32,
    runs: u32,
    id: Bytes,
};

const Row = extern struct {
    source: u32,
    verdict: u8,
    mask: u8 = 0,
    route: u16 = 0,
    delay_ms: u32 = 0,
    zero: u32 = 0,
    key: Bytes = .{},
    event_type: Bytes = .{},
    headers: Bytes = .{},
    body: Bytes = .{},
    reason: Bytes = .{},
    zero2: u64 = 0,
};

const ResultHeader = extern struct {
    magic: u32,
    count: u32,
    rows: usize,
    stride: u32,
    zero: [4]u32 = @splat(0),
};

comptime {
    std.debug.assert(@sizeOf(BatchHeader) == 64 and @offsetOf(BatchHeader, "progress") == 48);
    std.debug.assert(@sizeOf(Entry) == 64 and @offsetOf(Entry, "id") == 56);
    std.debug.assert(@sizeOf(Row) == 64 and @offsetOf(Row, "reason") == 48);
    std.debug.assert(@sizeOf(ResultHeader) == 32);
}

const drop_code = 0;
const pass_code = 1;
const emit_code = 2;
const reject_code = 3;
const retry_code = 4;

fn word(bytes: []const u8) u32 {
    return std.mem.readInt(u32, bytes[0..4], .little);
}

/// The answer to one batch. The host reads it after the call has returned.
const Answer = struct {
    /// The short form, while no row says more than its verdict.
    short: []u8,
    /// There are rows.
    is_full: bool = false,
    rows: std.ArrayList(Row) = .empty,
    all_pass: bool = true,

    /// The one that is kept until the next batch.
    var result: ResultHeader = undefined;

    fn push(answer: *Answer, index: u32, event: Event, verdict: Verdict) !void {
        var row: Row = .{ .source = index, .verdict = pass_code };
        var says_more = false;
        switch (verdict) {
            .drop => row.verdict = drop_code,
            .pass => {},
            .emit => |outputs| {
                if (outputs.len > 0) return answer.pushOutputs(index, event, outputs);
                row.verdict = drop_code;
            },
            .reject => |reason| {
                row.verdict = reject_code;
                row.reason = .of(reason);
                says_more = reason.len > 0;
            },
            .retry => |retry| {
                row.verdict = retry_code;
                row.delay_ms = retry.delay_ms;
                row.reason = .of(retry.reason);
                says_more = true;
            },
        }
        answer.all_pass = answer.all_pass and row.verdict == pass_code;
        answer.short[8 + index] = row.verdict;
        if (says_more) try answer.beFull(index);
        if (answer.is_full) try answer.rows.append(arena, row);
    }

    fn pushOutputs(answer: *Answer, index: u32, event: Event, outputs: []const Output) !void {
        answer.all_pass = false;
        try answer.beFull(index);
        for (outputs) |output| {
            var row: Row = .{ .source = index, .verdict = emit_code, .route = output.route };
            if (output.key) |key| {
                row.mask |= 1;
                row.key = .of(key);
            }
            if (output.event_type) |event_type| {
                row.mask |= 2;
                row.event_type = .of(event_type);
            }
            if (output.header) |header| {
                row.mask |= 4;
                row.headers = .of(try withOne(event.entry.headers.slice(), output.headers, header));
            } else if (output.headers) |headers| {
                row.mask |= 4;
                row.headers = .of(try headerBlock(headers));
            }
            if (output.body) |body| {
                row.mask |= 8;
                row.body = .of(body);
            }
            try answer.rows.append(arena, row);
        }
    }

    /// From `index` on the answer has rows.
    fn beFull(answer: *Answer, index: u32) !void {
        if (answer.is_full) return;
        answer.is_full = true;
        try answer.rows.ensureTotalCapacity(arena, answer.short.len);
        for (answer.short[8..][0..index], 0..) |verdict, source| {
            answer.rows.appendAssumeCapacity(.{ .source = source, .verdict = verdict });
        }
    }

    fn finish(answer: *Answer) i64 {
        if (answer.all_pass) return 0;
        if (!answer.is_full) {
            answer.short[0..4].* = "FBV1".*;
            std.mem.writeInt(u32, answer.short[4..8], answer.short.len - 8, .little);
            return packed_(answer.short.ptr, answer.short.len);
        }
        result = .{
            .magic = 0x31524246,
            .count = answer.rows.items.len,
            .rows = @intFromPtr(answer.rows.items.ptr),
            .stride = @sizeOf(Row),
        };
        return packed_(&result, @sizeOf(ResultHeader));
    }
};

fn packed_(block: *const anyopaque, len: usize) i64 {
    return @intCast(@as(u64, @intFromPtr(block)) << 32 | len);
}

/// A block with this header behind those of other names: the event's, or `headers` in their place.
fn withOne(inherited: []const u8, headers: ?[]const Header, header: Header) ![]const u8 {
    const before = if (headers) |list| try headerBlock(list) else inherited;
    var walk: Headers = .of(before);
    const others_max = walk.left;
    while (walk.next()) |found| {
        if (std.mem.eql(u8, found.name, header.name)) break;
    } else {
        const from = @max(before.len, 4);
        const block = try arena.alloc(u8, from + headerLen(header));
        @memcpy(block[0..before.len], before);
        std.mem.writeInt(u32, block[0..4], others_max + 1, .little);
        _ = writeHeader(block, from, header);
        return block;
    }
    var others: std.ArrayList(Header) = try .initCapacity(arena, others_max + 1);
    walk = .of(before);
    while (walk.next()) |found| {
        if (!std.mem.eql(u8, found.name, header.name)) others.appendAssumeCapacity(found);
    }
    others.appendAssumeCapacity(header);
    return headerBlock(others.items);
}

fn headerLen(header: Header) usize {
    if (header.name.len > 0xffff) trap("a header's name is too long");
    return std.mem.alignForward(usize, 8 + header.name.len + header.value.len, 4);
}

/// Where the next one begins.
fn writeHeader(block: []u8, from: usize, header: Header) usize {
    std.mem.writeInt(u32, block[from..][0..4], header.name.len, .little);
    std.mem.writeInt(u32, block[from + 4 ..][0..4], header.value.len, .little);
    const value = from + 8 + header.name.len;
    @memcpy(block[from + 8 .. value], header.name);
    @memcpy(block[value..][0..header.value.len], header.value);
    const end = value + header.value.len;
    const next = std.mem.alignForward(usize, end, 4);
    @memset(block[end..next], 0);
    return next;
}

fn headerBlock(headers: []const Header) ![]const u8 {
    var len: usize = 4;
    for (headers) |header| len += headerLen(header);
    const block = try arena.alloc(u8, len);
    std.mem.writeInt(u32, block[0..4], headers.len, .little);
    var at: usize = 4;
    for (headers) |header| at = writeHeader(block, at, header);
    return block;
}

fn processed(batch: *BatchHeader, len: usize, verdict: *const fn (Event) Verdict) i64 {
    if (len < @sizeOf(BatchHeader) or batch.magic != 0x31424246 or
        batch.stride < @sizeOf(Entry))
    {
        const why = "the batch is not of version 1";
        _ = host.fail(why, why.len);
        return -1;
    }
    memory.forget();
    const short = arena.alloc(u8, 8 + batch.count) catch outOfMemory();
    var answer: Answer = .{ .short = short };
    const progress: *volatile u32 = &batch.progress;
    for (0..batch.count) |index| {
        progress.* = index;
        const entry: *const Entry = @ptrFromInt(batch.entries + index * batch.stride);
        const event: Event = .{ .entry = entry };
        answer.push(index, event, verdict(event)) catch outOfMemory();
    }
    return answer.finish();
}

/// Regions that memory.grow gave, so that other allocators are not disturbed. The host's buffer is
/// the beginning of one; all the rest is the arena, which is empty again at each batch.
const memory = struct {
    const Region = extern struct {
        /// At a higher address.
        next: ?*Region,
        end: usize,
        zero: [2]u32 = @splat(0),

        /// Where the arena begins in it.
        fn begin(region: *Region) usize {
            const room_taken = if (region == home) room else 0;
            return @intFromPtr(region) + @sizeOf(Region) + room_taken;
        }
    };

    const page = std.wasm.page_size;
    const bytes_max = 1 << 30;

    var first: ?*Region = null;
    var last: ?*Region = null;
    /// Where the host's buffer is, and how large.
    var home: ?*Region = null;
    var room: usize = 0;
    /// Where the arena goes on; null before its first use.
    var at: ?*Region = null;
    var top: usize = 0;

    const vtable: std.mem.Allocator.VTable = .{
        .alloc = alloc,
        .resize = resize,
        .remap = remap,
        .free = free,
    };

    /// Nothing in the arena is needed any more.
    fn forget() void {
        at = null;
    }

    /// Where the host writes the next batch. It asks when no answer of ours is read any more.
    fn buffer(wanted: usize) usize {
        if (home) |region| {
            if (wanted <= room) return @intFromPtr(region) + @sizeOf(Region);
        }
        home = null;
        forget();
        if (wanted > bytes_max) return 0;
        const len = std.mem.alignForward(usize, wanted, 16);
        const region = fitting(len) orelse blk: {
            if (!grow(len, if (last) |region| region.begin() else 0)) return 0;
            break :blk last.?;
        };
        home = region;
        room = len;
        return @intFromPtr(region) + @sizeOf(Region);
    }

    fn fitting(len: usize) ?*Region {
        var next = first;
        while (next) |region| : (next = region.next) {
            if (region.end - region.begin() >= len) return region;
        }
        return null;
    }

    /// Makes the last region larger, so that `len` bytes fit behind `from` in it, or a new one.
    fn grow(len: usize, from: usize) bool {
        const end = @wasmMemorySize(0) * page;
        const is_at_end = if (last) |region| region.end == end else false;
        const extended = if (is_at_end) last else null;
        const lacking = if (extended) |region|
            len - (region.end - from)
        else
            len + @sizeOf(Region);
        const more = if (lacking < 4 << 20) lacking / 2 else 0;
        const begin = grown(lacking + more) orelse grown(lacking) orelse return false;
        const new_end = @wasmMemorySize(0) * page;
        if (extended) |region| {
            region.end = new_end;
            return true;
        }
        const region: *Region = @ptrFromInt(begin);
        region.* = .{ .next = null, .end = new_end };
        if (last) |before| {
            before.next = region;
        } else {
            first = region;
        }
        last = region;
        return true;
    }

    fn grown(len: usize) ?usize {
        const before = @wasmMemoryGrow(0, std.math.divCeil(usize, len, page) catch unreachable);
        return if (before < 0) null else @as(usize, @intCast(before)) * page;
    }

    fn alloc(_: *anyopaque, len: usize, alignment: std.mem.Alignment, _: usize) ?[*]u8 {
        if (len > bytes_max or alignment.toByteUnits() > page) return null;
        while (true) {
            if (at) |region| {
                const place = alignment.forward(top);
                if (place <= region.end and len <= region.end - place) {
                    top = place + len;
                    return @ptrFromInt(place);
                }
            }
            const next = if (at) |region| region.next else first;
            if (next) |region| {
                at = region;
                top = region.begin();
            } else if (!grow(len + alignment.toByteUnits(), top)) {
                return null;
            }
        }
    }

    fn resize(_: *anyopaque, bytes: []u8, _: std.mem.Alignment, len: usize, _: usize) bool {
        const begin = @intFromPtr(bytes.ptr);
        const region = at orelse return len <= bytes.len;
        if (begin + bytes.len != top) return len <= bytes.len;
        if (len > region.end - begin) return false;
        top = begin + len;
        return true;
    }

    fn remap(c: *anyopaque, bytes: []u8, a: std.mem.Alignment, len: usize, r: usize) ?[*]u8 {
        return if (resize(c, bytes, a, len, r)) bytes.ptr else null;
    }

    fn free(_: *anyopaque, bytes: []u8, _: std.mem.Alignment, _: usize) void {
        if (at != null and @intFromPtr(bytes.ptr) + bytes.len == top) top -= bytes.len;
    }
};
