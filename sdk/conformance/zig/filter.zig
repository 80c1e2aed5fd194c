//! What ../README.md says that one filter does in every language, in Zig.

const std = @import("std");
const forebay = @import("forebay");
const Event = forebay.Event;
const Header = forebay.Header;
const Output = forebay.Output;
const Verdict = forebay.Verdict;

comptime {
    forebay.filter(conform);
}

const Type = enum {
    pass,
    drop,
    reject,
    fail,
    retry,
    body,
    alias,
    empty,
    key,
    type,
    headers,
    bare,
    stamp,
    kept,
    table,
    fan,
    copies,
    none,
    dump,
    config,
    log,
    count,
    spin,
};

fn conform(event: Event) !Verdict {
    const body = event.body();
    const known = std.meta.stringToEnum(Type, event.eventType()) orelse {
        return .{ .reject = try text("unknown type: {s}", .{event.eventType()}) };
    };
    switch (known) {
        .pass => return .pass,
        .drop => return .drop,
        .reject => return .{ .reject = body },
        .fail => return forebay.fail(body),
        .retry => return .{ .retry = .{ .delay_ms = 60_000, .reason = "later" } },
        .body => return one(.{ .body = try text("<{s}>", .{body}) }),
        .alias => return one(.{ .body = if (body.len < 2) "" else body[1 .. body.len - 1] }),
        .empty => return one(.{ .body = "" }),
        .key => return one(.{ .key = try text("key of {s}", .{event.key() orelse ""}) }),
        .type => return one(.{ .event_type = try text("renamed.{s}", .{event.id()}) }),
        .headers => return one(.{ .headers = try fewerHeaders(event) }),
        .bare => return one(.{ .headers = &.{} }),
        .stamp => return one(.{ .header = .{ .name = "x-stamp", .value = "1" } }),
        .kept => {
            const is_kept = std.mem.eql(u8, event.header("x-kept") orelse "", "ok");
            return if (is_kept) .pass else .drop;
        },
        .table => return one(.{ .body = try forebay.lookUp("words", body) orelse "none" }),
        .fan => return .{ .emit = try fanned(body) },
        .copies => return .{ .emit = try copies(body) },
        .none => return .{ .emit = &.{} },
        .dump => return one(.{ .body = try dumped(event) }),
        .config => return one(.{ .body = try forebay.config("greeting") orelse "none" }),
        .log => {
            forebay.log(.info, body);
            return .pass;
        },
        .count => {
            forebay.count("seen", 2);
            forebay.gauge("depth", 1.5);
            return .pass;
        },
        .spin => while (true) {},
    }
}

fn text(comptime format: []const u8, arguments: anytype) ![]const u8 {
    return std.fmt.allocPrint(forebay.arena, format, arguments);
}

fn one(output: Output) !Verdict {
    return .{ .emit = try forebay.arena.dupe(Output, &.{output}) };
}

fn fewerHeaders(event: Event) ![]const Header {
    var walk = event.headers();
    const count = walk.left;
    var fewer: std.ArrayList(Header) = .empty;
    while (walk.next()) |header| {
        if (!std.mem.startsWith(u8, header.name, "x-drop-")) {
            try fewer.append(forebay.arena, header);
        }
    }
    const value = try text("{d}", .{count});
    try fewer.append(forebay.arena, .{ .name = "x-conformance", .value = value });
    return fewer.items;
}

fn fanned(body: []const u8) ![]const Output {
    var outputs: std.ArrayList(Output) = .empty;
    var parts = std.mem.splitScalar(u8, body, '\n');
    while (parts.next()) |part| {
        const key = try text("{d}", .{outputs.items.len});
        try outputs.append(forebay.arena, .{ .key = key, .body = part });
    }
    return outputs.items;
}

fn copies(body: []const u8) ![]const Output {
    const n = std.fmt.parseUnsigned(usize, body, 10) catch {
        return forebay.fail("no number of copies");
    };
    const outputs = try forebay.arena.alloc(Output, n);
    @memset(outputs, .{});
    return outputs;
}

fn dumped(event: Event) ![]const u8 {
    var dump: std.ArrayList(u8) = .empty;
    try dump.print(forebay.arena,
        \\id={s}
        \\type={s}
        \\key={s}
        \\source={s}
        \\offset={d}
        \\time_ns={d}
        \\is_json={}
        \\is_replay={}
        \\is_dry_run={}
        \\
    , .{
        event.id(),     event.eventType(), event.key() orelse "",
        event.source(), event.offset(),    event.timeNs(),
        event.isJson(), event.isReplay(),  event.isDryRun(),
    });
    var walk = event.headers();
    while (walk.next()) |header| {
        try dump.print(forebay.arena, "{s}: {s}\n", .{ header.name, header.value });
    }
    try dump.print(forebay.arena, "\n{s}", .{event.body()});
    return dump.items;
}
