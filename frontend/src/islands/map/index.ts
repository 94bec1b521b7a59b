// placeholder until the map lands in the next commit
import type { Island } from "../../islands";
const map: Island = (place) => { place.textContent = ""; };
export default map;
