// The text of an article as its readers will see it, edited in place. What is sent is the field below; the server cleans it.
(() => {
  const field = document.querySelector('[data-editor-field]');
  const box = document.querySelector('[data-editor]');
  if (!field || !box) return;
  const bar = box.querySelector('[role=toolbar]');
  const text = box.querySelector('[contenteditable]');
  const source = field.closest('.field');
  const buttons = () => [...bar.querySelectorAll('button')];

  // What is pasted comes without the looks of where it was.
  const ALLOWED = new Set(['P', 'H2', 'H3', 'H4', 'UL', 'OL', 'LI', 'BLOCKQUOTE', 'TABLE', 'THEAD', 'TBODY', 'TR', 'TH', 'TD', 'STRONG', 'B', 'EM', 'I', 'A', 'CODE', 'PRE', 'BR', 'HR', 'SUB', 'SUP', 'DL', 'DT', 'DD', 'CAPTION']);
  const clean = (node) => {
    for (const child of [...node.children]) {
      clean(child);
      if (child.tagName === 'H1') { const better = document.createElement('h2'); better.append(...child.childNodes); child.replaceWith(better); continue; }
      if (child.tagName === 'DIV') { const better = document.createElement('p'); better.append(...child.childNodes); child.replaceWith(better); continue; }
      if (['SCRIPT', 'STYLE', 'IFRAME', 'OBJECT', 'SVG'].includes(child.tagName.toUpperCase())) { child.remove(); continue; }
      if (!ALLOWED.has(child.tagName)) { child.replaceWith(...child.childNodes); continue; }
      const href = child.tagName === 'A' ? child.getAttribute('href') : null;
      for (const name of child.getAttributeNames()) child.removeAttribute(name);
      if (href && /^https?:\/\//.test(href)) child.setAttribute('href', href);
    }
    return node;
  };
  const keep = () => {
    const copy = clean(text.cloneNode(true));
    field.value = copy.innerHTML;
  };
  const state = () => {
    const block = (document.queryCommandValue('formatBlock') || '').toLowerCase();
    buttons().forEach((button) => {
      const { block: of, command } = button.dataset;
      if (of) button.setAttribute('aria-pressed', String(block === of));
      else if (command && command !== 'undo') button.setAttribute('aria-pressed', String(document.queryCommandState(command) && !(command === 'bold' && block.startsWith('h'))));
    });
  };
  const act = (button) => {
    text.focus();
    const { block, command } = button.dataset;
    if (block) document.execCommand('formatBlock', false, block);
    if (command) document.execCommand(command);
    if (button.dataset.link !== undefined) {
      const dialog = document.getElementById('link');
      const address = dialog.querySelector('input');
      const range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
      dialog.onclose = () => {
        text.focus();
        if (range) { getSelection().removeAllRanges(); getSelection().addRange(range); }
        const typed = address.value.trim();
        const url = /^[a-z][a-z\d+.-]*:/i.test(typed) ? typed : `https://${typed}`;
        if (dialog.returnValue === 'yes' && typed) {
          if (/^https?:/i.test(url)) document.execCommand('createLink', false, url);
          else window.refuse('A link begins with https:// or http://. The text is as it was.');
        }
        if (dialog.returnValue === 'none') document.execCommand('unlink');
        keep();
      };
      dialog.returnValue = 'no';
      address.value = getSelection().anchorNode?.parentElement?.closest('a')?.getAttribute('href') || '';
      dialog.showModal();
      address.focus();
    }
    keep();
    state();
  };

  // Enter links what is marked; the first button of the dialog, which would be pressed, leaves it.
  document.querySelector('#link input').addEventListener('keydown', (event) => {
    if (event.key === 'Enter') { event.preventDefault(); document.getElementById('link').close('yes'); }
  });
  document.execCommand('defaultParagraphSeparator', false, 'p');
  text.addEventListener('input', keep);
  text.addEventListener('paste', (event) => {
    event.preventDefault();
    const html = event.clipboardData.getData('text/html');
    if (!html) { document.execCommand('insertText', false, event.clipboardData.getData('text/plain')); return; }
    const pasted = new DOMParser().parseFromString(html, 'text/html').body;
    document.execCommand('insertHTML', false, clean(pasted).innerHTML);
  });
  document.addEventListener('selectionchange', () => { if (text.contains(getSelection().anchorNode)) state(); });
  bar.addEventListener('pointerdown', (event) => { if (event.target.closest('button')) event.preventDefault(); });
  bar.addEventListener('click', (event) => { const button = event.target.closest('button'); if (button && !button.matches('[data-as-html]')) act(button); });
  // One stop for the tab key; arrows go through the buttons.
  buttons().forEach((button, place) => { button.tabIndex = place ? -1 : 0; });
  bar.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const all = buttons();
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    all.forEach((button) => { button.tabIndex = button === next ? 0 : -1; });
    next.focus();
  });
  const asHtml = bar.querySelector('[data-as-html]');
  asHtml.addEventListener('click', () => {
    const shows = source.hidden;
    source.hidden = !shows;
    text.hidden = shows;
    asHtml.setAttribute('aria-pressed', String(shows));
    if (!shows) text.replaceChildren(...clean(new DOMParser().parseFromString(field.value, 'text/html').body).childNodes);
    (shows ? field : text).focus();
  });
  source.hidden = true;
  box.hidden = false;
})();
