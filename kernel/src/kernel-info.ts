/** Content of Jupyter's kernel_info_reply. */
export function kernelInfo(typescriptVersion: string): object {
  return {
    status: 'ok',
    protocol_version: '5.3',
    implementation: 'liandan',
    implementation_version: '0.1.0',
    banner: `TypeScript ${typescriptVersion} on Node.js ${process.version}`,
    help_links: [],
    debugger: false,
    supported_features: [],
    language_info: {
      name: 'typescript',
      version: typescriptVersion,
      mimetype: 'text/typescript',
      file_extension: '.ts',
      pygments_lexer: 'typescript',
      nbconvert_exporter: 'script',
      codemirror_mode: { name: 'javascript', typescript: true, mode: 'typescript' },
    },
  };
}
