export { Event } from "./event";
export { Header } from "./header";
export { Output } from "./output";
export { Verdict } from "./verdict";
export { Bytes } from "./bytes";
export { filter, keep } from "./filter";
export { Level, log, logBytes, count, gauge, random, configGet, lookUp } from "./host";
