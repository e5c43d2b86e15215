import { Converter, ReflectionKind } from 'typedoc';

/**
 * A destructured parameter has no name in the source. It gets that of its dotted tags, such as `@param options.seed`, or
 * that of its type: `split` for `TextSplit`, `options` otherwise.
 *
 * @param {import('typedoc').Application} app
 */
export function nameParameters(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    const parameters = context.project.getReflectionsByKind(ReflectionKind.Parameter);
    for (const parameter of parameters) {
      if (parameter.name !== '__namedParameters') continue;
      const { type } = /** @type {import('typedoc').ParameterReflection} */ (parameter);
      const typeName = type?.type === 'reference' ? type.name : 'Options';
      const last = /** @type {RegExpExecArray} */ (/[A-Z]?[a-z]*$/.exec(typeName))[0];
      parameter.name = (last || typeName).toLowerCase();
    }
  });
}
