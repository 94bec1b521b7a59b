// A form's POST to a page of ours; a refusal becomes an Error with its code.
export async function post(url: string, values: Record<string, string> | FormData): Promise<Record<string, unknown>> {
  const token = document.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
  const answer = await fetch(url, {
    method: "POST",
    headers: { "X-CSRFToken": token, Accept: "application/json" },
    body: values instanceof FormData ? values : new URLSearchParams(values),
  });
  const told = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw Object.assign(new Error(String(told.message ?? answer.status)), { code: String(told.code ?? "") });
  return told;
}
