//! Masks one member of a JSON object and keeps the values of the others: see README.md.

const std = @import("std");
const forebay = @import("forebay");

comptime {
    forebay.start(begin);
    forebay.filter(redacted);
}

const Config = struct { member: []const u8 = "email" };

var wanted: Config = .{};

fn begin(config: []const u8) !void {
    // Neither in the arena, which is empty again at each batch, nor a part of `config`.
    const heap = std.heap.wasm_allocator;
    wanted = try std.json.parseFromSliceLeaky(Config, heap, config, .{ .allocate = .alloc_always });
}

fn redacted(event: forebay.Event) !forebay.Verdict {
    const arena = forebay.arena;
    var value = std.json.parseFromSliceLeaky(std.json.Value, arena, event.body(), .{
        .parse_numbers = false, // so they keep their digits
    }) catch |err| {
        const why = try std.fmt.allocPrint(arena, "the body: {s}", .{@errorName(err)});
        return forebay.fail(why);
    };
    if (value != .object) return forebay.fail("the body: it is no object");
    const member = value.object.getPtr(wanted.member) orelse return .pass;
    member.* = .{ .string = "[redacted]" };
    // The answer is read after the whole batch, so it must not lie on the stack.
    const outputs = try arena.alloc(forebay.Output, 1);
    outputs[0] = .{ .body = try std.json.Stringify.valueAlloc(arena, value, .{}) };
    return .{ .emit = outputs };
}
