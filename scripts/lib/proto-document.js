/**
 * The .proto document of one folder, from what its modules export: protocols
 * (rows with a codec for each direction) and codecs of what is kept or sealed.
 * Undefined when there is neither.
 */
export function protoDocument (folder, exported) {
  const protocols = exported.filter(isProtocol)
  const codecs = [...protocols.flatMap(({ request, reply }) => [request, reply]), ...exported.filter(isCodec)]

  if (codecs.length === 0) {
    return undefined
  }

  return [
    `// Written by scripts/generate.js; sizes, lengths and other bounds are declared in src/node/protocol/${folder}.`,
    ...protocols.map(({ id, request, reply }) => `// ${id}: who opens a stream says ${request.defines.name}, who answers it says ${reply.defines.name}.`),
    'syntax = "proto3";',
    '',
    `package meshmark.${folder};`,
    ...[...inOrder(codecs.map(({ defines }) => defines))].map(text => `\n${text.trimEnd()}`),
    ''
  ].join('\n')
}

/** Each definition once, and after everything that it needs. */
function inOrder (definitions) {
  const texts = new Map()
  const add = ({ name, text, needs }) => {
    needs.forEach(add)

    if (texts.has(name) && texts.get(name) !== text) {
      throw new Error(`two definitions are called ${name}`)
    }

    texts.set(name, text)
  }

  definitions.forEach(add)

  return texts.values()
}

function isProtocol (value) {
  return isCodec(value?.request) && isCodec(value.reply)
}

function isCodec (value) {
  return typeof value?.encode === 'function' && value.defines != null
}
