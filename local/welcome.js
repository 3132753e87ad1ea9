// The welcome page. It uses the API as any other client does; only its sign-in is the laptop's own.

const PING_EVERY = 4 * 60_000; // API Gateway ends a connection that is silent for ten minutes
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
const UPLOAD_PATIENCE = 90_000;
const PAGE = 12;

const byId = (id) => document.getElementById(id);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

let me = null; // the Visit of the person who is signed in

// --- the API ---------------------------------------------------------------------------------------------------------

class Problem extends Error {
  constructor(status, { detail, title, message, errors = [] }) {
    const each = errors.map((error) => `${error.pointer} ${error.detail}`);
    super([detail ?? title ?? message ?? `The answer was ${status}.`, ...each].join(" "));
    this.status = status;
  }
}

async function send(method, path, { body, headers } = {}) {
  const content = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  const answer = await fetch(path, { method, headers, cache: "no-cache", ...content });
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  const received = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Problem(answer.status, received);
  return { ...received, etag: answer.headers.get("ETag") };
}

/** What one person does between signing in and making way for another one. */
class Visit {
  constructor(email) {
    this.email = email;
    this.etag = null; // of the profile as it was last seen
    this.conversation = undefined;
    this.answer = null; // the Answer under way
    this.ended = new Set(); // the ids of those that have ended: a last frame may come twice
    this.socket = null;
    this.stored = Promise.resolve(); // when the last change of a preference was
    this.isOver = false;
  }

  async signIn() {
    this.token = (await send("POST", "/demo/sign-in", { body: { email: this.email } })).access_token;
  }

  async api(method, path, { headers, ...options } = {}, mayRenew = true) {
    const signed = { ...headers, Authorization: `Bearer ${this.token}` };
    try {
      return await send(method, `/api${path}`, { ...options, headers: signed });
    } catch (error) {
      if (error.status !== 401 || !mayRenew) throw error;
      await this.signIn();
      return this.api(method, path, { headers, ...options }, false);
    }
  }

  /** Posts what is to be done once. When no answer comes it is sent again, which its key makes safe. */
  async once(path, body) {
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    try {
      return await this.api("POST", path, { body, headers });
    } catch (error) {
      if (error instanceof Problem) throw error;
      await pause(FIRST_PAUSE);
      return this.api("POST", path, { body, headers });
    }
  }

  end() {
    this.isOver = true;
    this.socket?.close();
  }
}

// --- drawing ---------------------------------------------------------------------------------------------------------

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function money({ amount, currency }) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function complain(error) {
  byId("problem").textContent =
    error instanceof Problem ? error.message : `Marketplace does not answer (${error.message}).`;
}

/** `action` as an event handler: what goes wrong is shown, and the last problem disappears with the next action. */
function handler(action) {
  return async (event) => {
    event.preventDefault();
    byId("problem").textContent = "";
    try {
      await action(event);
    } catch (error) {
      complain(error);
    }
  };
}

// --- signing in ------------------------------------------------------------------------------------------------------

async function becomeSomebody(button) {
  const visit = new Visit(button.dataset.email);
  await visit.signIn();
  me?.end();
  me = visit;
  for (const other of byId("people").children) other.setAttribute("aria-pressed", other === button);
  byId("who").textContent = `You are ${button.textContent} (${visit.email}).`;
  for (const list of ["events", "talk", "figure"]) byId(list).replaceChildren();
  byId("ordered").textContent = "Order something: its events arrive here by themselves.";
  for (const part of document.querySelectorAll("[data-for-people]")) part.disabled = false;
  tellConnection(visit, "off", "connecting");
  stayConnected(visit);
  await Promise.all([readPreferences(visit), readOwnProducts(visit)]);
}

// --- the catalogue ---------------------------------------------------------------------------------------------------

async function search(cursor) {
  const query = new URLSearchParams({ limit: PAGE });
  if (byId("q").value.trim()) query.set("q", byId("q").value.trim());
  if (cursor) query.set("cursor", cursor);
  const { items, next_cursor } = await send("GET", `/api/products?${query}`);
  if (!cursor) byId("products").replaceChildren();
  byId("products").append(...items.filter(({ id }) => !byId(`product-${id}`)).map(card));
  byId("found").textContent = byId("products").children.length ? "" : "Nothing is like that.";
  byId("more").hidden = !next_cursor;
  byId("more").onclick = handler(() => search(next_cursor));
}

function card(product) {
  const button = element("button", { disabled: product.stock === 0 }, product.stock ? "Order one" : "Sold out");
  button.setAttribute("aria-label", `${button.textContent}: ${product.name}`);
  button.onclick = handler(() => order(product));
  return element("li", { className: "card", id: `product-${product.id}` },
    picture(product), element("h3", {}, product.name),
    element("small", {}, `${money(product.price)} · ${product.stock} in stock`), button);
}

function picture({ name, image }) {
  if (image) return element("img", { className: "picture", src: image.thumbnail_url, alt: name, loading: "lazy" });
  const made = element("div", { className: "picture", ariaHidden: "true" }, name[0]);
  made.style.setProperty("--hue", (name.length * 47 + name.charCodeAt(0) * 13) % 360);
  return made;
}

/** Draws a product anew where it is shown, else as the first one. */
function show(product) {
  const shown = byId(`product-${product.id}`);
  if (shown) shown.replaceWith(card(product));
  else byId("products").prepend(card(product));
}

async function order(product) {
  if (!me) throw new Problem(401, { detail: "Sign in first: choose one of the people above." });
  const placed = await me.once("/orders", { lines: [{ product_id: product.id, quantity: 1 }] });
  byId("ordered").textContent = `Ordered ${product.name} for ${money(placed.total)}.`;
  show(await send("GET", `/api/products/${product.id}`));
}

// --- live events -----------------------------------------------------------------------------------------------------

/** Keeps `visit` connected, with a new ticket and a longer pause after each failure, until it is over. */
async function stayConnected(visit) {
  for (let wait = FIRST_PAUSE; !visit.isOver; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    let reason = "the connection ended";
    try {
      const { url } = await visit.api("POST", "/realtime/tickets");
      if (!visit.isOver && (await connection(visit, url))) wait = FIRST_PAUSE;
    } catch (error) {
      reason = error.message;
    }
    tellConnection(visit, "away", `no live events (${reason}), connecting again`);
    await pause(wait * (0.5 + Math.random()));
  }
}

/** One connection; resolves when it has ended, and says whether it was ever open. */
function connection(visit, url) {
  const socket = new WebSocket(url);
  visit.socket = socket;
  let isOpened = false;
  let isAnswered = true;
  const ping = setInterval(() => {
    if (!isAnswered) return socket.close(); // nobody is there any more
    isAnswered = false;
    socket.send(JSON.stringify({ action: "ping" }));
  }, PING_EVERY);
  socket.onopen = () => {
    isOpened = true;
    tellConnection(visit, "open", "live");
    readActivity(visit).catch(complain);
  };
  socket.onmessage = ({ data }) => {
    isAnswered = true;
    if (!visit.isOver) receive(visit, JSON.parse(data));
  };
  return new Promise((done) => {
    socket.onclose = () => {
      clearInterval(ping);
      visit.answer?.end("The connection ended before the answer did.");
      done(isOpened);
    };
  });
}

function tellConnection(visit, state, words) {
  if (me !== visit) return;
  byId("live").dataset.live = state;
  byId("live").textContent = words;
  allowQuestions();
}

function receive(visit, frame) {
  if (frame.type.startsWith("order.")) showEvent(frame);
  else if (frame.type.startsWith("assistant.")) visit.answer?.receive(frame);
  else if (frame.type === "error") visit.answer?.end(new Problem(frame.problem.status, frame.problem).message);
}

/** Fills in what happened while nobody was connected. */
async function readActivity(visit) {
  const { items } = await visit.api("GET", "/me/activity?limit=20");
  if (me === visit) items.forEach(showEvent);
}

/** Shows an event once, however often it comes: as a frame with `data`, or as an entry with `order`. */
function showEvent({ id, type, occurred_at, data, order = data }) {
  if (byId(`event-${id}`)) return;
  const shown = element("li", { id: `event-${id}` },
    element("time", { dateTime: occurred_at }, new Date(occurred_at).toLocaleTimeString()), " ",
    element("strong", {}, type), ` ${money(order.total)} `, element("code", {}, order.id.slice(-12)));
  shown.dataset.type = type;
  const newestFirst = [...byId("events").children]; // ids grow with time
  byId("events").insertBefore(shown, newestFirst.find((other) => other.id < shown.id) ?? null);
}

// --- the assistant ---------------------------------------------------------------------------------------------------

class Answer {
  constructor(visit, question) {
    this.visit = visit;
    this.last = 0; // the number of the last delta
    this.text = element("p");
    this.item = element("li", { className: "answer", ariaBusy: "true" }, this.text);
    byId("talk").append(element("li", { className: "question" }, element("p", {}, question)), this.item);
    this.item.scrollIntoView({ block: "nearest" });
  }

  receive(frame) {
    if (this.visit.ended.has(frame.answer_id)) return;
    this.id = frame.answer_id;
    if (frame.type === "assistant.delta") this.add(frame);
    else if (frame.type === "assistant.done") this.finish(frame);
    else this.end(frame.detail);
  }

  add({ sequence, text }) {
    if (sequence <= this.last) return;
    this.last = sequence;
    this.item.dataset.deltas = sequence;
    this.text.append(text); // a text node: whatever the model says, it is no markup
    byId("talk").scrollTop = byId("talk").scrollHeight;
  }

  finish({ conversation_id, sources, usage, stop_reason }) {
    this.visit.conversation = conversation_id;
    const list = element("div", { className: "sources" });
    this.item.append(list);
    sources.forEach((id) => linkTo(id, list).catch(complain));
    const reason = stop_reason === "end_turn" ? "" : ` · ${stop_reason.replaceAll("_", " ")}`;
    this.end(`${usage.input_tokens} tokens read, ${usage.output_tokens} written${reason}`);
  }

  end(words) {
    this.visit.answer = null;
    this.visit.ended.add(this.id);
    this.item.ariaBusy = "false";
    this.item.append(element("small", {}, words));
    allowQuestions();
  }
}

async function linkTo(id, list) {
  const product = await send("GET", `/api/products/${id}`);
  const link = element("a", { href: `#product-${id}` }, product.name);
  link.onclick = () => show(product);
  list.append(link);
}

function allowQuestions() {
  const isConnected = byId("live").dataset.live === "open";
  byId("ask-button").disabled = !isConnected || Boolean(me.answer);
  byId("stop").disabled = !me.answer;
}

function ask() {
  const message = byId("question").value.trim();
  if (!message || byId("ask-button").disabled) return;
  me.answer = new Answer(me, message);
  me.socket.send(JSON.stringify({ action: "ask", message, conversation_id: me.conversation }));
  byId("question").value = "";
  allowQuestions();
}

// --- pictures --------------------------------------------------------------------------------------------------------

async function readOwnProducts(visit) {
  const { items } = await visit.api("GET", "/me/products?limit=100");
  if (me !== visit) return;
  const options = items.filter(({ status }) => status === "active");
  byId("own-product").replaceChildren(...options.map(({ id, name }) => element("option", { value: id }, name)));
  byId("upload-button").disabled = !options.length;
  byId("uploaded").textContent = options.length ? "JPEG, PNG or WebP, 10 MiB at most." : "You sell nothing.";
}

async function upload(visit) {
  const [file] = byId("file").files;
  const body = { product_id: byId("own-product").value, content_type: file.type, bytes: file.size };
  const tell = (words) => (byId("uploaded").textContent = words);
  byId("upload-button").disabled = true;
  tell("Sending the picture …");
  try {
    const form = await visit.once("/uploads", body);
    await sendFile(form, file);
    tell("Sent. It is checked and made anew …");
    await tellOutcome(visit, await outcome(visit, form.id), tell);
  } catch (error) {
    tell("Not published.");
    throw error;
  } finally {
    byId("upload-button").disabled = false;
    byId("progress").hidden = true;
  }
}

/** Posts the file to the bucket. It is not `fetch`, which does not tell how far it has come. */
function sendFile({ url, fields }, file) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  data.append("file", file); // the last field: S3 ignores what comes after it
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => {
      Object.assign(byId("progress"), { hidden: false, value: loaded / total });
    };
    request.onload = () => (request.status < 300 ? done() : failed(refusedByBucket(request)));
    request.onerror = () => failed(new Error("the bucket cannot be reached"));
    request.open("POST", url);
    request.send(data);
  });
}

function refusedByBucket({ status, responseText }) {
  const [, detail] = /<Message>([^<]*)/.exec(responseText) ?? [];
  return new Problem(status, { detail: detail && `The bucket refused the file: ${detail}` });
}

async function outcome(visit, id) {
  const deadline = Date.now() + UPLOAD_PATIENCE;
  for (let wait = 300; Date.now() < deadline; wait = Math.min(1.5 * wait, 3000)) {
    const found = await visit.api("GET", `/uploads/${id}`);
    if (found.status !== "pending") return found;
    await pause(wait);
  }
  throw new Problem(504, { detail: "The picture is still being checked; look again later." });
}

async function tellOutcome(visit, { status, reason, product_id, thumbnail_url, width, height }, tell) {
  if (status === "refused") return tell(`Refused: ${reason}`);
  tell(`Published, ${width} by ${height} pixels.`);
  const product = await visit.api("GET", `/products/${product_id}`);
  byId("figure").replaceChildren(
    element("img", { src: thumbnail_url, alt: product.name }), element("figcaption", {}, product.name));
  show({ ...product, image: { thumbnail_url } }); // for a moment a cache may have the product without it
}

// --- preferences -----------------------------------------------------------------------------------------------------

async function readPreferences(visit) {
  showPreferences(visit, await visit.api("GET", "/me"));
}

function showPreferences(visit, { notifications, etag }) {
  if (me !== visit) return;
  visit.etag = etag;
  for (const [name, isWanted] of Object.entries(notifications)) {
    byId("notifications").querySelector(`[name="${name}"]`).checked = isWanted;
  }
}

/** Stores one preference after the other: each change needs the version that the last one made. */
function storePreference(visit, { name, checked }) {
  visit.stored = visit.stored.catch(() => {}).then(() => changePreference(visit, name, checked));
  return visit.stored;
}

async function changePreference(visit, name, checked) {
  const change = { body: { notifications: { [name]: checked } }, headers: { "If-Match": visit.etag } };
  byId("stored").textContent = "";
  try {
    showPreferences(visit, await visit.api("PATCH", "/me", change));
    byId("stored").textContent = "Stored.";
  } catch (error) {
    await readPreferences(visit); // somebody else changed the profile: show what is true
    throw error;
  }
}

// --- the page --------------------------------------------------------------------------------------------------------

byId("people").addEventListener("click", (event) => {
  if (event.target.dataset.email) handler(() => becomeSomebody(event.target))(event);
});
byId("search").addEventListener("submit", handler(() => search()));
byId("ask").addEventListener("submit", handler(ask));
byId("stop").addEventListener("click", handler(() => me.socket.send(JSON.stringify({ action: "stop" }))));
byId("upload").addEventListener("submit", handler(() => upload(me)));
byId("notifications").addEventListener("change", handler(({ target }) => storePreference(me, target)));
search().catch(complain);
