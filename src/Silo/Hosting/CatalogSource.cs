using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Hosting;
using OrleansGateway.Silo.Configuration;

namespace OrleansGateway.Silo.Hosting;

/// <summary>The catalog in force: read at start, swapped as a whole by a reload.</summary>
internal sealed partial class CatalogSource(IOptions<OperatorOptions> options, TimeProvider time, ILogger<CatalogSource> log) : ICatalogSource, IReadinessCheck
{
    private readonly Lock _reloading = new();
    private volatile CatalogSnapshot? _current;

    /// <summary>The file that the catalog is read from.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(options.Value.Catalog);

    /// <summary>The catalog in force; whoever works with it keeps the snapshot that it began with.</summary>
    public CatalogSnapshot Current => _current ?? throw new InvalidOperationException("No catalog is loaded.");

    public ValueTask<string?> ReasonAsync(CancellationToken cancellationToken) =>
        ValueTask.FromResult(_current is null ? "no catalog is loaded" : null);

    /// <summary>Reads the file for the first time.</summary>
    /// <exception cref="StartUpException">It is not there or not valid.</exception>
    public void Load()
    {
        var errors = Reload();
        if (errors.Length > 0)
        {
            throw new StartUpException(
                $"{SettingNames.Full("Gateway:Catalog")}: {Path} is not a valid catalog:\n{string.Join('\n', errors.Select(error => $"  {error}"))}");
        }
    }

    /// <summary>Reads the file again. With errors the old catalog stays in force.</summary>
    /// <returns>The errors, by line; none when the new catalog is in force.</returns>
    public ImmutableArray<CatalogProblem> Reload()
    {
        lock (_reloading)
        {
            var result = Read(Path, time, _current);
            foreach (var warning in result.Warnings)
            {
                LogWarning(Path, warning);
            }

            if (result.Snapshot is { } snapshot)
            {
                _current = snapshot;
                LogLoaded(Path, snapshot.Models.Length, snapshot.Channels.Count(channel => channel.IsOn), snapshot.Channels.Length);
            }

            return result.Errors;
        }
    }

    /// <summary>Reads a catalog file without putting it in force.</summary>
    public static CatalogResult Read(string path, TimeProvider time, CatalogSnapshot? _)
    {
        try
        {
            return CatalogFile.Parse(File.ReadAllBytes(path), Environment.GetEnvironmentVariable, time.GetUtcNow());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return new CatalogResult(null, [new CatalogProblem(1, "", $"The file cannot be read: {exception.Message}")], []);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Catalog {Path}: {Warning}")]
    private partial void LogWarning(string path, CatalogProblem warning);

    [LoggerMessage(2, LogLevel.Information, "Catalog {Path} is in force: {Models} models, {ChannelsOn} of {Channels} channels are on")]
    private partial void LogLoaded(string path, int models, int channelsOn, int channels);
}
