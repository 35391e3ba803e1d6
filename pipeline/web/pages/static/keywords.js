// Keywords come in: a file that is dropped or chosen, or one that is typed. The report says what became of every row.
(() => {
  const page = document.getElementById('keywords');
  const card = page.querySelector('.drop');
  if (!card) return;
  const said = card.querySelector('.drop-report');
  const url = `/api/v1/sites/${page.dataset.site}/keywords`;
  const line = (tag, text) => { const made = document.createElement(tag); made.textContent = text; return made; };
  const tell = (...parts) => { said.replaceChildren(...parts); said.hidden = false; };

  const report = (name, body) => {
    const parts = [line('h3', `${name}: ${body.imported.toLocaleString('en-US')} of ${body.read.toLocaleString('en-US')} rows imported`)];
    if (body.duplicates) parts.push(line('p', `${body.duplicates.toLocaleString('en-US')} were there already or stood there twice.`));
    body.warnings.forEach((warning) => parts.push(line('p', warning)));
    if (body.rejected.length) {
      const table = document.createElement('table');
      table.className = 'list';
      table.innerHTML = '<thead><tr><th scope="col">Line</th><th scope="col">Why it was not imported</th></tr></thead><tbody></tbody>';
      table.tBodies[0].replaceChildren(...body.rejected.map((row) => {
        const made = document.createElement('tr');
        const number = line('td', row.line);
        number.className = 'num';
        number.dataset.label = 'Line';
        made.append(number, line('td', row.reason));
        return made;
      }));
      parts.push(table);
    }
    const again = line('a', 'Show the list');
    again.href = '/planner/keywords';
    parts.push(again);
    tell(...parts);
  };
  const bring = async (file) => {
    if (!file) return;
    tell(line('p', `Reading ${file.name} …`), document.createElement('progress'));
    const answer = await window.ask('POST', `${url}/import`, file);
    if (answer.ok) report(file.name, answer.body);
    else tell(line('h3', `${file.name} was not imported`), line('p', answer.body.detail));
  };

  card.querySelector('[type=file]').addEventListener('change', (event) => { bring(event.target.files[0]); event.target.value = ''; });
  ['dragenter', 'dragover'].forEach((kind) => card.addEventListener(kind, (event) => { event.preventDefault(); card.classList.add('over'); }));
  ['dragleave', 'drop'].forEach((kind) => card.addEventListener(kind, () => card.classList.remove('over')));
  card.addEventListener('drop', (event) => { event.preventDefault(); bring(event.dataTransfer.files[0]); });
  card.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault();
    const field = event.target.querySelector('input');
    if (!field.value.trim()) { field.focus(); return; }
    const answer = await window.ask('POST', url, { keywords: [field.value] });
    if (!answer.ok) { tell(line('p', answer.body.detail)); return; }
    report(field.value, answer.body);
    field.value = '';
    field.focus();
  });
})();
