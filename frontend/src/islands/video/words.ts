// The few words of the player, in both languages.
import { zh } from "../../islands";

const texts = {
  connecting: ["Calling the camera …", "正在调用摄像机…"],
  noSource: ["This browser cannot play the live stream (no Media Source Extensions).", "此浏览器不支持实时播放（无 MSE）。"],
  unreachable: ["The live process does not answer.", "实时服务没有应答。"],
  convert: ["H.265 cannot be shown here and there is no second stream in H.264: it is coded anew.", "本浏览器不能播放 H.265，且没有 H.264 子码流，改由服务器转码。"],
  sub: ["H.265 cannot be shown here: the camera's second stream is used.", "本浏览器不能播放 H.265，已改用子码流。"],
  retry: ["Try again", "重试"],
  close: ["Close", "关闭"],
  full: ["Full screen", "全屏"],
  shot: ["Keep a snapshot", "抓拍留证"],
  kept: ["The snapshot is kept.", "抓拍已留存。"],
  open: ["Open the camera's page", "打开摄像机页面"],
  empty: ["Drag a camera here, or choose a place and click a camera", "把摄像机拖到这里，或先选窗口再点摄像机"],
  search: ["Search cameras", "搜索摄像机"],
  none: ["No camera matches.", "没有匹配的摄像机。"],
  places: ["Places", "窗口数"],
  scene: ["Scene", "场景"],
  save: ["Save scene", "保存场景"],
  title: ["Title of the scene", "场景名称"],
  saved: ["Saved.", "已保存。"],
  carousel: ["Turn over", "轮巡"],
  off: ["off", "关"],
  seconds: ["s", "秒"],
  clear: ["Clear all", "清空"],
  up: ["Up", "向上"], down: ["Down", "向下"], left: ["Left", "向左"], right: ["Right", "向右"],
  in: ["Zoom in", "放大"], out: ["Zoom out", "缩小"], near: ["Focus near", "近焦"], far: ["Focus far", "远焦"],
  speed: ["Speed", "速度"],
  preset: ["Preset", "预置位"], call: ["Go there", "调用"], set: ["Keep this view", "设置"], read: ["Read from camera", "从设备读取"],
  steered: ["is steering this camera.", "正在控制该摄像机。"],
  day: ["Day", "日期"], live: ["Live", "实时"], playback: ["Recording in the device", "设备录像"],
  look: ["Look for recordings", "查询录像"], noRecords: ["The device names no recordings for this day.", "设备没有这一天的录像。"],
  incomplete: ["The device's list is incomplete.", "设备返回的录像目录不完整。"],
  pause: ["Pause", "暂停"], resume: ["Go on", "继续"],
  quick: ["Low latency (WebRTC)", "低延时（WebRTC）"],
  behind: ["behind live", "缓冲"],
} as const;

export type Word = keyof typeof texts;
export const say = (word: Word): string => texts[word][zh() ? 1 : 0];
