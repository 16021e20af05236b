// The console of one VM: an xterm.js terminal on a WebSocket of this site, which passes it on to the API.

const retryFirst = 500;
const retryMost = 8000;
const encoder = new TextEncoder();

const theme = {
  background: "#0d1219",
  foreground: "#dfe6ef",
  cursor: "#8eafff",
  cursorAccent: "#0d1219",
  selectionBackground: "#3a4d7a",
  black: "#1a212c",
  red: "#ff8c82",
  green: "#7bd8a3",
  yellow: "#f0c064",
  blue: "#8eafff",
  magenta: "#d3a4f5",
  cyan: "#78d5e3",
  white: "#dfe6ef",
  brightBlack: "#8a97a8",
  brightRed: "#ffaaa2",
  brightGreen: "#9be8bb",
  brightYellow: "#ffd685",
  brightBlue: "#adc5ff",
  brightMagenta: "#e4c2ff",
  brightCyan: "#a0e9f3",
  brightWhite: "#ffffff",
};

class Console {
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.running = options.running;
    this.retry = retryFirst;
    this.timer = 0;
    this.closed = false;
    this.screen = root.querySelector("[data-console=screen]");
    this.statusLine = root.querySelector("[data-console=status]");
    this.searchBox = root.querySelector("[data-console=search]");
    this.searchResult = root.querySelector("[data-console=matches]");
    this.abort = new AbortController();
  }

  async start() {
    await document.fonts.load("14px 'JetBrains Mono'").catch(() => undefined);
    if (this.closed) return;
    this.terminal = new window.Terminal({
      allowProposedApi: true,
      convertEol: true,
      cursorBlink: true,
      disableStdin: !this.options.mayType,
      fontFamily: "'JetBrains Mono', 'DejaVu Sans Mono', monospace",
      fontSize: 13.5,
      lineHeight: 1.2,
      scrollback: 20000,
      theme,
    });
    this.fit = new window.FitAddon.FitAddon();
    this.search = new window.SearchAddon.SearchAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(this.search);
    this.terminal.open(this.screen);
    this.terminal.textarea?.setAttribute("aria-label", "Console. Shift+Tab leaves it.");
    this.screen.bufferText = () => this.text();

    this.terminal.attachCustomKeyEventHandler((event) => this.onKey(event));
    this.terminal.onData((text) => this.send(encoder.encode(text)));
    this.terminal.onBinary((text) => this.send(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.searchResult.textContent =
        !this.searchBox.value ? "" : resultCount === 0 ? "No match" : `${resultIndex + 1} of ${resultCount}`;
    });

    this.observer = new ResizeObserver(() => this.screen.offsetWidth > 0 && this.fit.fit());
    this.observer.observe(this.screen);
    this.wire();
    this.connect();
  }

  wire() {
    const on = (name, type, handler) =>
      this.root.querySelector(`[data-console=${name}]`)?.addEventListener(type, handler, { signal: this.abort.signal });
    on("search", "input", () => this.find(true, true));
    on("search", "keydown", (event) => {
      if (event.key === "Enter") {
        event.preventDefault();
        this.find(!event.shiftKey);
      } else if (event.key === "Escape") {
        this.searchBox.value = "";
        this.search.clearDecorations();
        this.searchResult.textContent = "";
        this.terminal.focus();
      }
    });
    on("previous", "click", () => this.find(false));
    on("next", "click", () => this.find(true));
    on("copy", "click", () => this.copy());
    on("reconnect", "click", () => this.reconnect());
    on("expand", "click", () => (document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen()));
  }

  onKey(event) {
    if (event.type !== "keydown") return true;
    if (event.key === "Tab" && event.shiftKey) return false; // The way out for those who have no mouse.
    if (event.ctrlKey && event.shiftKey && event.code === "KeyF") {
      event.preventDefault();
      this.searchBox.focus();
      return false;
    }

    if (event.ctrlKey && event.shiftKey && event.code === "KeyC") {
      event.preventDefault();
      this.copy();
      return false;
    }

    return true;
  }

  find(forward, incremental = false) {
    const text = this.searchBox.value;
    const options = {
      incremental,
      decorations: {
        matchBackground: "#5b4a12",
        activeMatchBackground: "#b98512",
        matchOverviewRuler: "#b98512",
        activeMatchColorOverviewRuler: "#f0c064",
      },
    };
    if (!text) {
      this.search.clearDecorations();
      this.searchResult.textContent = "";
    } else if (forward) {
      this.search.findNext(text, options);
    } else {
      this.search.findPrevious(text, { ...options, incremental: false });
    }
  }

  text() {
    const buffer = this.terminal.buffer.active;
    let text = "";
    for (let i = 0; i < buffer.length; i++) {
      const line = buffer.getLine(i);
      text += (line.isWrapped || i === 0 ? "" : "\n") + line.translateToString(true);
    }

    return text.trimEnd();
  }

  async copy() {
    const selection = this.terminal.getSelection();
    const copied = await window.cloudvm.copy(selection || this.text());
    this.say(copied ? (selection ? "Selection copied" : "Whole console copied") : "The browser does not allow copying", "");
    setTimeout(() => this.sayState(), 2500);
  }

  connect() {
    clearTimeout(this.timer);
    if (this.closed) return;
    if (!this.running) {
      this.sayState();
      return;
    }

    this.say("Connecting…", "busy");
    const url = new URL(`/consoles/${this.options.vmId}?from=0`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.retry = retryFirst;
      this.sayState();
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.onFrame(JSON.parse(event.data));
      else this.terminal.write(new Uint8Array(event.data));
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.sayState();
      if (!this.running) return;
      this.timer = setTimeout(() => this.connect(), this.retry);
      this.retry = Math.min(this.retry * 2, retryMost);
    };
  }

  onFrame(frame) {
    // A replay begins every connection and follows every restore: what is shown no longer counts.
    if (frame.type === "replay") {
      this.terminal.reset();
      this.screen.dataset.replays = String(Number(this.screen.dataset.replays ?? 0) + 1);
    }
  }

  reconnect() {
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.retry = retryFirst;
    this.connect();
  }

  send(bytes) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  setRunning(running) {
    if (this.running === running) return;
    this.running = running;
    if (running && !this.socket) this.connect();
    else this.sayState();
  }

  // Shows the stored log of a guest that is not running.
  showLog(text) {
    if (this.running || !this.terminal) return;
    this.terminal.reset();
    this.terminal.write(text);
  }

  sayState() {
    if (!this.running && !this.socket) this.say("Not running", "");
    else if (this.socket?.readyState === WebSocket.OPEN) this.say(this.options.mayType ? "Connected" : "Connected, read only", "good");
    else this.say("Disconnected, trying again…", "warn");
  }

  say(text, tone) {
    this.statusLine.textContent = text;
    this.statusLine.className = `badge ${tone}`;
  }

  focus() {
    this.terminal?.focus();
  }

  dispose() {
    this.closed = true;
    clearTimeout(this.timer);
    this.abort.abort();
    this.observer?.disconnect();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.terminal?.dispose();
  }
}

export async function open(root, options) {
  const console = new Console(root, options);
  await console.start();
  return console;
}
