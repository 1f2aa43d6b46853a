using Microsoft.Extensions.Options;
using Orleans;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The catalog file that the configuration names: the first version is published from it, and further ones when it changes.</summary>
internal sealed class ConfiguredCatalog(
    IOptions<OperatorOptions> options, IGrainFactory grains, EnvironmentVariables environment, TimeProvider time)
{
    /// <summary>Where it is.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(options.Value.Catalog);

    /// <summary>Checks it by itself, since nothing can be asked yet.</summary>
    /// <exception cref="StartUpException">It is not there or not valid.</exception>
    public void Check()
    {
        var errors = TryRead(Path, out var utf8) is { } unread ? [unread] : CatalogFile.Parse(utf8, environment, time.GetUtcNow()).Errors;
        if (errors.Length > 0)
        {
            throw new StartUpException(
                $"{SettingNames.Full("Gateway:Catalog")}: {Path} is not a valid catalog:\n{string.Join('\n', errors.Select(error => $"  {error}"))}");
        }
    }

    /// <summary>Publishes it as it is now, unless it was published as it is before.</summary>
    /// <param name="always">Publishes it even so.</param>
    public async Task<PublishAnswer> PublishAsync(bool always) => TryRead(Path, out var utf8) is { } unread
        ? new PublishAnswer(PublishOutcome.Refused, 0, [unread])
        : await grains.GetGrain<ICatalogGrain>(ICatalogGrain.Key).SeedAsync(new CatalogDocument([.. utf8], Path), always);

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
