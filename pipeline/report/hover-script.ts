/** Shows the values of a place of a figure at once where browsers would make wait for its title, or, on touch, show none. */
export const hoverScript = `
const hover = document.createElement('div')
hover.id = 'hover'
hover.hidden = true
hover.setAttribute('aria-hidden', 'true')
document.body.append(hover)
function show(event) {
  const place = event.target.closest?.('.place')
  hover.hidden = !place
  if (!place) return
  const title = place.querySelector('title')
  if (title) {
    place.dataset.values = title.textContent
    title.remove()
  }
  hover.textContent = place.dataset.values
  const { width, height } = hover.getBoundingClientRect()
  hover.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 4)) + 'px'
  hover.style.top = Math.max(4, event.clientY - height - 10) + 'px'
}
addEventListener('pointermove', show)
addEventListener('pointerdown', show)
addEventListener('scroll', () => (hover.hidden = true), { passive: true })
`
