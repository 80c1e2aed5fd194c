//! Passes a GitHub push that leaves commits on one branch and drops all else: see README.md.

const std = @import("std");
const forebay = @import("forebay");

comptime {
    forebay.start(begin);
    forebay.filter(isToBranch);
}

const Push = struct {
    ref: []const u8,
    deleted: bool = false,
};

var wanted: []const u8 = "refs/heads/main";

fn begin(config: []const u8) !void {
    const Config = struct { branch: []const u8 = "main" };
    // The arena is empty again at each batch; the branch lasts as long as the instance.
    const heap = std.heap.wasm_allocator;
    const given = try std.json.parseFromSliceLeaky(Config, heap, config, .{});
    wanted = try std.mem.concat(heap, u8, &.{ "refs/heads/", given.branch });
}

fn isToBranch(event: forebay.Event) !bool {
    if (!event.is("push")) return false;
    const push = std.json.parseFromSliceLeaky(Push, forebay.arena, event.body(), .{
        .ignore_unknown_fields = true,
    }) catch |err| {
        const why = try std.fmt.allocPrint(forebay.arena, "the body: {s}", .{@errorName(err)});
        return forebay.fail(why);
    };
    return std.mem.eql(u8, push.ref, wanted) and !push.deleted;
}
