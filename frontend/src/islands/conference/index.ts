// A place in a meeting, or (props.kind "console") the page that rings at a venue.
import "./conference.css";
import type { Island } from "../../islands";
import { bell, type ConsoleProps } from "./bell";
import { entrance, type RoomProps } from "./entrance";

const conference: Island<RoomProps | ConsoleProps> = (place, props) => ("kind" in props ? bell(place, props) : entrance(place, props));
export default conference;
