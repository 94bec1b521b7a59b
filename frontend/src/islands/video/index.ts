// Cameras in the page: the wall (props with a tree) or one camera with its tools.
import "./video.css";
import type { Island } from "../../islands";
import { camera, type CameraProps } from "./camera";
import { wall, type WallProps } from "./wall";

const video: Island<WallProps | CameraProps> = (place, props) => ("tree" in props ? wall(place, props) : camera(place, props));
export default video;
