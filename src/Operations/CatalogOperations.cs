using System.Collections.Immutable;
using System.Text.Json.Serialization;
using Orleans;
using OrleansGateway.Grains.Contracts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Operations;

/// <summary>The catalog file that the configuration names.</summary>
public interface IConfiguredCatalog
{
    /// <summary>Where it is.</summary>
    string Path { get; }

    /// <summary>Reads it as it is now.</summary>
    /// <returns>Why it cannot be read; null when it was.</returns>
    CatalogProblem? TryRead(out byte[] utf8);
}

/// <summary>The catalog in force, as the environment of the process that answers reads it.</summary>
public sealed record CatalogInForce
{
    public required long Version { get; init; }
    public required DateTimeOffset PublishedAt { get; init; }
    public required string Source { get; init; }
    public required int Bytes { get; init; }
    public required int Models { get; init; }
    public required int Channels { get; init; }
    public required int ChannelsOn { get; init; }

    /// <summary>What is off or cannot be called, by line.</summary>
    public required ImmutableArray<CatalogProblem> Warnings { get; init; }

    /// <summary>As it was published; empty in the answer to a repeat.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Text { get; init; }

    /// <param name="published">What is in force.</param>
    /// <param name="result">What the environment makes of its text.</param>
    public static CatalogInForce Of(PublishedCatalog published, CatalogResult result) => new()
    {
        Version = published.Version,
        PublishedAt = published.PublishedAt,
        Source = published.Document.Source,
        Bytes = published.Document.Utf8.Length,
        Models = result.Snapshot?.Models.Length ?? 0,
        Channels = result.Snapshot?.Channels.Length ?? 0,
        ChannelsOn = result.Snapshot?.Channels.Count(static channel => channel.IsOn) ?? 0,
        Warnings = [.. result.Errors, .. result.Warnings],
        Text = published.Document.Utf8.AsMemory(),
    };
}

/// <summary>What publishing came to.</summary>
public sealed record CatalogPublished(PublishOutcome Outcome, CatalogInForce Catalog);

/// <summary>A model that can be called, and the channels that serve it.</summary>
public sealed record CallableModel(string Model, ImmutableArray<string> Channels)
{
    /// <summary>Those of a catalog, in its order; none of one with errors.</summary>
    public static IReadOnlyList<CallableModel> Of(CatalogResult result) => result.Snapshot is not { } catalog
        ? []
        :
        [
            .. from model in catalog.Models
               let routes = catalog.RoutesTo(model)
               where !routes.IsEmpty
               select new CallableModel(model.Id, [.. routes.Select(route => route.Channel.Name)]),
        ];
}

/// <summary>Models, in the catalog's order.</summary>
public sealed record CallableModels(IReadOnlyList<CallableModel> Models);

/// <summary>The catalog: checked, shown, published.</summary>
public sealed class CatalogOperations(
    IGrainFactory grains, Changes changes, IConfiguredCatalog configured, EnvironmentVariables environment, TimeProvider time)
{
    private const int SourceLengthMax = 400;
    private const string Subject = "catalog";

    private readonly ICatalogGrain _grain = grains.GetGrain<ICatalogGrain>(ICatalogGrain.Key);

    /// <summary>Everything that is wrong with a catalog, with the environment of this process. Publishes nothing.</summary>
    public Result<CatalogResult> Check(Actor actor, ReadOnlyMemory<byte> utf8) => actor.Refusal is { } refusal ? refusal : Parse(utf8);

    /// <summary>Publishes a catalog.</summary>
    /// <param name="source">Where it comes from, for operators to read; empty for unknown.</param>
    public async Task<Result<CatalogPublished>> ApplyAsync(
        Actor actor, string requestId, ReadOnlyMemory<byte> utf8, string source, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        source = source.Length == 0 ? "operator" : source;
        problems.CheckText("source", source, SourceLengthMax);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        var document = new CatalogDocument([.. utf8.Span[..Math.Min(utf8.Length, CatalogFile.MaxBytes + 1)]], source);
        return await PublishAsync(
            actor, requestId, "catalog.apply", new { source, bytes = utf8.Length, sha256 = Sha256Of(utf8) }, () => _grain.ApplyAsync(document), cancellationToken);
    }

    /// <summary>Publishes the configured file as it is now, whatever was published before.</summary>
    public async Task<Result<CatalogPublished>> ReloadAsync(Actor actor, string requestId, CancellationToken cancellationToken)
    {
        var problems = new Problems();
        problems.CheckRequestId(requestId);
        if (problems.ToFailure() is { } failure)
        {
            return failure;
        }

        // Read where it is carried out: to a repeat it does not matter what the file has become.
        return await PublishAsync(
            actor,
            requestId,
            "catalog.reload",
            new { source = configured.Path },
            async () => TryReadFile(out var utf8) is { Length: > 0 } errors
                ? new PublishAnswer(PublishOutcome.Refused, 0, errors)
                : await _grain.SeedAsync(new CatalogDocument([.. utf8], configured.Path), always: true),
            cancellationToken);
    }

    /// <summary>
    /// Publishes the configured file if its content is another than when it was published last. Silos that do so with one file at once,
    /// or again while nothing has changed, are repeats of one change.
    /// </summary>
    public async Task<Result<CatalogPublished>> SeedAsync(CancellationToken cancellationToken)
    {
        var source = configured.Path;
        if (TryReadFile(out var utf8) is { Length: > 0 } errors)
        {
            // What a variable of the environment mends may be asked for again: it is no repeat.
            return Refusal(errors);
        }

        var version = (await _grain.GetAsync(0))?.Version ?? 0;
        var sha256 = Sha256Of(utf8);
        return await PublishAsync(
            new Actor(ActorKind.System, "catalog", source),
            $"{version}/{sha256}",
            "catalog.seed",
            new { source, bytes = utf8.Length, sha256 },
            () => _grain.SeedAsync(new CatalogDocument([.. utf8], source), always: false),
            cancellationToken);
    }

    /// <summary>The catalog in force.</summary>
    public async Task<Result<CatalogInForce>> GetAsync(Actor actor) =>
        actor.Refusal is { } refusal ? refusal
        : await FindAsync() is { } catalog ? catalog
        : Failure.NoCatalog;

    /// <summary>The models that can be called; none before a catalog is published.</summary>
    public async Task<Result<CallableModels>> ModelsAsync(Actor actor)
    {
        if (actor.Refusal is { } refusal)
        {
            return refusal;
        }

        var published = await _grain.GetAsync(0);
        return new CallableModels(published is null ? [] : CallableModel.Of(Parse(published.Document.Utf8.AsMemory())));
    }

    /// <returns>What is wrong with the configured file; nothing if it can be published.</returns>
    private ImmutableArray<CatalogProblem> TryReadFile(out byte[] utf8) =>
        configured.TryRead(out utf8) is { } unread ? [unread] : Parse(utf8).Errors;

    private CatalogResult Parse(ReadOnlyMemory<byte> utf8) => CatalogFile.Parse(utf8, environment, time.GetUtcNow());

    private async Task<Result<CatalogPublished>> PublishAsync(
        Actor actor, string requestId, string action, object request, Func<Task<PublishAnswer>> publish, CancellationToken cancellationToken) =>
        await changes.RunAsync(
            actor,
            requestId,
            new Change<CatalogPublished>
            {
                Action = action,
                Subject = Subject,
                Request = request,
                Read = async _ => new Before(await FindAsync()),
                Act = async _ =>
                {
                    var answer = await publish();
                    if (answer.Outcome == PublishOutcome.Refused)
                    {
                        return Refusal(answer.Errors);
                    }

                    return await FindAsync() is { } catalog ? new CatalogPublished(answer.Outcome, catalog) : Failure.Unavailable;
                },
            },
            cancellationToken);

    private static string Sha256Of(ReadOnlyMemory<byte> utf8) => Convert.ToHexStringLower(Sha256Hash.Of(utf8.Span).ToBytes());

    private static Failure Refusal(ImmutableArray<CatalogProblem> errors) => new(FailureKind.InvalidCatalog, "The catalog has errors; what was in force stays.")
    {
        Fields = [.. errors.Select(static error => new FieldProblem(error.Path.Length > 0 ? error.Path : "text", error.ToString()))],
    };

    private async Task<CatalogInForce?> FindAsync()
    {
        var published = await _grain.GetAsync(0);
        return published is null ? null : CatalogInForce.Of(published, Parse(published.Document.Utf8.AsMemory()));
    }
}
