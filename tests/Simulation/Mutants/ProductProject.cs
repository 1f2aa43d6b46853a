using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.Loader;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace OrleansGateway.Tests.Simulation.Mutants;

/// <summary>
/// A project of the product, parsed and generated once, as its build compiles it but for analyzers and documentation; then
/// compiled again for each mutant with one file replaced.
/// </summary>
internal sealed class ProductProject
{
    private static readonly ConcurrentDictionary<string, Lazy<ProductProject>> Projects = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, PortableExecutableReference> References = new(StringComparer.Ordinal);

    private readonly string _folder;
    private readonly CSharpCommandLineArguments _arguments;
    private readonly CSharpParseOptions _parseOptions;
    private readonly Compilation _compilation;

    private ProductProject(string name)
    {
        // The build writes down the project's folder and the compiler's arguments.
        var lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Mutants", name + ".args"));
        _folder = lines[0];
        _arguments = CSharpCommandLineParser.Default.Parse(lines.Skip(1), _folder, sdkDirectory: null);
        _parseOptions = _arguments.ParseOptions.WithDocumentationMode(DocumentationMode.None);
        var compilation = CSharpCompilation.Create(
            _arguments.CompilationName,
            _arguments.SourceFiles.Select(file => Parse(file.Path, File.ReadAllText(file.Path))),
            _arguments.MetadataReferences.Select(static r => Reference(r.Reference).WithProperties(r.Properties)),
            _arguments.CompilationOptions);
        var generators = _arguments.AnalyzerReferences.SelectMany(static a => Generators(a.FilePath));
        CSharpGeneratorDriver.Create(generators, parseOptions: _parseOptions)
            .RunGeneratorsAndUpdateCompilation(compilation, out _compilation, out _);
    }

    public static ProductProject Named(string name) =>
        Projects.GetOrAdd(name, static n => new Lazy<ProductProject>(() => new ProductProject(n))).Value;

    public string AssemblyFile => _arguments.CompilationName + ".dll";

    /// <summary>Compiles it, with mutants if there are any.</summary>
    /// <exception cref="InvalidOperationException">It does not compile, or the mutant does not match.</exception>
    public byte[] Compile(params IReadOnlyList<Mutant> mutants)
    {
        var compilation = _compilation;
        foreach (var mutant in mutants)
        {
            var path = Path.Combine(_folder, mutant.PathInProject);
            var original = compilation.SyntaxTrees.Single(t => t.FilePath == path);
            compilation = compilation.ReplaceSyntaxTree(original, Parse(path, mutant.ApplyTo(original.ToString())));
        }

        using var assembly = new MemoryStream();
        var result = compilation.Emit(assembly, manifestResources: _arguments.ManifestResources, options: _arguments.EmitOptions);
        return result.Success
            ? assembly.ToArray()
            : throw new InvalidOperationException(
                $"{string.Join(", ", mutants.Select(static m => $"'{m.Name}'"))} does not compile: {string.Join('\n', result.Diagnostics.Where(static d => d.Severity == DiagnosticSeverity.Error))}");
    }

    private SyntaxTree Parse(string path, string text) =>
        CSharpSyntaxTree.ParseText(SourceText.From(text, Encoding.UTF8), _parseOptions, path);

    private static PortableExecutableReference Reference(string path) =>
        References.GetOrAdd(path, static p => MetadataReference.CreateFromFile(p));

    private static ImmutableArray<ISourceGenerator> Generators(string path)
    {
        var file = new AnalyzerFileReference(path, Loader.Instance);
        file.AnalyzerLoadFailed += (_, failure) =>
        {
            // Not all of them are for C#.
            if (failure.ErrorCode != AnalyzerLoadFailureEventArgs.FailureErrorCode.NoAnalyzers)
            {
                throw new InvalidOperationException($"The generators of {path} cannot be loaded: {failure.Message}");
            }
        };
        return file.GetGenerators(LanguageNames.CSharp);
    }

    /// <summary>Loads generators. Two of the projects may have two versions of one: each folder's are apart from the others'.</summary>
    private sealed class Loader : IAnalyzerAssemblyLoader
    {
        public static readonly Loader Instance = new();

        private readonly ConcurrentDictionary<string, Folder> _folders = new(StringComparer.Ordinal);

        public void AddDependencyLocation(string fullPath)
        {
        }

        public Assembly LoadFromPath(string fullPath) =>
            _folders.GetOrAdd(Path.GetDirectoryName(fullPath)!, static folder => new Folder(folder)).LoadFromAssemblyPath(fullPath);

        /// <summary>What is not in the folder, or is the compiler's, is this process'.</summary>
        private sealed class Folder(string path) : AssemblyLoadContext
        {
            protected override Assembly? Load(AssemblyName name)
            {
                var file = Path.Combine(path, name.Name + ".dll");
                return File.Exists(file) && !File.Exists(Path.Combine(AppContext.BaseDirectory, name.Name + ".dll")) ? LoadFromAssemblyPath(file) : null;
            }
        }
    }
}
