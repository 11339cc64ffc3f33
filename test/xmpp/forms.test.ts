import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Field, formValue, readForm, writeForm } from '../../src/xmpp/forms.ts'
import { xml } from '../../src/xmpp/xml.ts'

const TYPE = 'urn:example:form'
const X = { xmlns: 'jabber:x:data', type: 'submit' }
const field = (name: string | undefined, ...values: string[]) =>
  xml('field', { var: name }, ...values.map((value) => xml('value', {}, value)))

describe('XEP-0004: a form that is written', () => {
  test('§3, XEP-0068 §3: has its hidden FORM_TYPE first, labels, types and what is required', () => {
    const fields: Field[] = [
      { name: 'user', type: 'text-single', label: 'Name', required: true },
      { name: 'tags', type: 'list-multi', values: ['a', 'b & <c>'] },
    ]
    expect(writeForm('form', TYPE, fields, 'Register').toString()).toBe(
      '<x xmlns="jabber:x:data" type="form"><title>Register</title>' +
        `<field var="FORM_TYPE" type="hidden"><value>${TYPE}</value></field>` +
        '<field var="user" type="text-single" label="Name"><required/></field>' +
        '<field var="tags" type="list-multi"><value>a</value><value>b &amp; &lt;c&gt;</value></field></x>',
    )
  })

  test('reads back as it was', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 })
    const name = text.filter((each) => each !== 'FORM_TYPE')
    const fields = fc.uniqueArray(fc.record({ name, values: fc.array(text, { maxLength: 4 }) }), {
      selector: (each) => each.name,
      maxLength: 8,
    })
    fc.assert(
      fc.property(fields, (given) => {
        const values = readForm(writeForm('submit', TYPE, given), TYPE)
        const expected: [string, string[]][] = given.map((each) => [each.name, each.values])
        expect([...(values ?? [])]).toEqual([['FORM_TYPE', [TYPE]], ...expected])
      }),
    )
  })
})

describe('XEP-0004: a form that is read', () => {
  test('gives each field its values; a field without one is empty, one without a name is none', () => {
    const values = readForm(
      xml('x', X, field('a', '1', '2'), field('b'), field(undefined, 'x'), field('c', '')),
    )
    expect([...(values ?? [])]).toEqual([
      ['a', ['1', '2']],
      ['b', []],
      ['c', ['']],
    ])
    if (!values) throw new Error('no form')
    expect(['a', 'b', 'c', 'd'].map((name) => formValue(values, name))).toEqual([
      '1',
      undefined,
      '',
      undefined,
    ])
  })

  test('is none under another name, namespace or FORM_TYPE', () => {
    expect(readForm(xml('y', X))).toBeUndefined()
    expect(readForm(xml('x', { xmlns: 'urn:other' }))).toBeUndefined()
    expect(readForm(xml('x', X), TYPE)).toBeUndefined()
    expect(readForm(xml('x', X, field('FORM_TYPE', 'urn:other')), TYPE)).toBeUndefined()
    expect(readForm(xml('x', X, field('FORM_TYPE', TYPE)), TYPE)?.size).toBe(1)
  })

  test('takes no names of JavaScript for fields', () => {
    const values = readForm(xml('x', X, field('__proto__', 'a')))
    expect(values?.get('__proto__')).toEqual(['a'])
    expect(values?.get('constructor')).toBeUndefined()
  })

  test('ignores fields of other namespaces', () => {
    const foreign = xml('field', { var: 'a', xmlns: 'urn:other' }, xml('value', {}, 'x'))
    expect(readForm(xml('x', X, foreign))?.size).toBe(0)
  })
})
