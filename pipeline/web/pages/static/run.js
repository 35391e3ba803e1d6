// A run watched live: the stream says that it is further, the parts are read again and laid over what is there.
(() => {
  const page = document.getElementById('run');
  if (page.dataset.live !== 'yes') return;
  const say = (word, on) => {
    const mark = page.querySelector('[data-stream]');
    if (!mark) return;
    mark.dataset.live = on ? 'on' : 'off';
    mark.querySelector('[data-stream-word]').textContent = word;
  };
  const read = () => window.htmx.ajax('GET', `/automation/runs/${page.dataset.run}/parts`, { target: '#run', swap: 'innerMorph' });
  let told = '';
  let waits = 0;
  const further = (data) => {
    const status = JSON.parse(data);
    const stages = status.stages.map((stage) => `Stage ${stage.number} ${stage.status.replaceAll('_', ' ')}`).filter((line) => !line.endsWith('pending'));
    const last = stages.at(-1) || '';
    if (last !== told) { told = last; document.getElementById('say').textContent = last; }
    clearTimeout(waits);
    waits = setTimeout(read, 120);
  };
  const listen = () => {
    const stream = new EventSource(`/api/v1/runs/${page.dataset.run}/events`);
    stream.addEventListener('open', () => say('Live', true));
    stream.addEventListener('error', () => say('Reconnecting', false));
    stream.addEventListener('run', (event) => {
      further(event.data);
      if (!['queued', 'running', 'paused', 'cancelling'].includes(JSON.parse(event.data).status)) stream.close();
    });
    return stream;
  };
  let stream = listen();
  document.addEventListener('visibilitychange', () => {
    stream.close();
    if (!document.hidden) stream = listen();
  });
})();
