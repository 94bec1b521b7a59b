// A button [data-here] beside two number inputs fills them with where the device is.

export function here(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("[data-here]");
    if (!button) return;
    const field = button.parentElement!;
    const inputs = field.querySelectorAll<HTMLInputElement>("input[type=number]");
    const said = field.querySelector<HTMLElement>("[role=status]")!;
    const fails = () => {
      said.textContent = button.dataset.hereFails ?? "";
      button.disabled = false;
    };
    if (!("geolocation" in navigator)) return fails();
    said.textContent = button.dataset.hereWaits ?? "";
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        [coords.longitude, coords.latitude].forEach((value, at) => (inputs[at]!.value = value.toFixed(6)));
        said.textContent = `±${Math.round(coords.accuracy)} m`;
        button.disabled = false;
      },
      fails,
      { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 },
    );
  });
}
