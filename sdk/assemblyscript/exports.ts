// What the host calls. A filter's own file has the line
// `export * from "forebay-filter/exports"`, because AssemblyScript exports from a module only
// what its entry file exports.
export { forebay_buffer, forebay_process_v1 } from "./assembly/entry";
