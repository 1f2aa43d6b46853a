using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Operations;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The catalog file that the configuration names.</summary>
internal sealed class ConfiguredCatalog(
    IOptions<OperatorOptions> options, EnvironmentVariables environment, TimeProvider time) : IConfiguredCatalog
{
    /// <inheritdoc/>
    public string Path { get; } = System.IO.Path.GetFullPath(options.Value.Catalog);

    /// <summary>Checks it by itself, since nothing can be asked yet.</summary>
    /// <exception cref="StartUpException">It is not there or not valid.</exception>
    public void Check()
    {
        var errors = TryRead(out var utf8) is { } unread ? [unread] : CatalogFile.Parse(utf8, environment, time.GetUtcNow()).Errors;
        if (errors.Length > 0)
        {
            throw new StartUpException(
                $"{SettingNames.Full("Gateway:Catalog")}: {Path} is not a valid catalog:\n{string.Join('\n', errors.Select(error => $"  {error}"))}");
        }
    }

    /// <inheritdoc/>
    public CatalogProblem? TryRead(out byte[] utf8) => TryRead(Path, out utf8);

    /// <summary>Reads a file.</summary>
    /// <returns>Why it cannot be read; null when it was.</returns>
    public static CatalogProblem? TryRead(string path, out byte[] utf8)
    {
        try
        {
            utf8 = File.ReadAllBytes(path);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            utf8 = [];
            return new CatalogProblem(1, "", $"The file cannot be read: {exception.Message}");
        }
    }
}
