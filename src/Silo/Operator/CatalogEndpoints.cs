using Orleans;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Silo.Hosting;
using static OrleansGateway.Silo.Operator.OperatorEndpoints;

namespace OrleansGateway.Silo.Operator;

/// <summary>The catalog in force, as the grain has it and this process's environment reads it; publishing another.</summary>
internal sealed class CatalogEndpoints(IServiceProvider gateway)
{
    private const int SourceLengthMax = 400;

    private readonly ICatalogGrain _grain = gateway.GetRequiredService<IGrainFactory>().GetGrain<ICatalogGrain>(ICatalogGrain.Key);
    private readonly ConfiguredCatalog _file = gateway.GetRequiredService<ConfiguredCatalog>();
    private readonly EnvironmentVariables _environment = gateway.GetRequiredService<EnvironmentVariables>();
    private readonly TimeProvider _time = gateway.GetRequiredService<TimeProvider>();

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/models", async () => Results.Json(Models(await _grain.GetAsync(0)), OperatorJson.Options));
        routes.MapGet("/catalog", () => ShowAsync(null));
        routes.MapGet("/catalog/text", async () => await _grain.GetAsync(0) is { } published
            ? Results.Bytes(published.Document.Utf8.AsMemory(), "text/plain; charset=utf-8")
            : NoCatalog());
        routes.MapPost("/catalog", ApplyAsync);
        routes.MapPost("/catalog/reload", async () => await AnswerAsync(_file.Path, await _file.PublishAsync(always: true)));
    }

    /// <summary>Publishes the body; <c>source</c> says where it is from.</summary>
    private async Task<IResult> ApplyAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var query = new QueryFields(request.Query);
        var source = query.Text("source") ?? "operator";
        if (query.Problems() is { } problems)
        {
            return Invalid(problems);
        }

        if (source.Length > SourceLengthMax)
        {
            return Invalid($"source has at most {SourceLengthMax} characters");
        }

        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellationToken);

        // One byte more than a catalog may have is refused like any more.
        var utf8 = body.GetBuffer().AsSpan(0, (int)Math.Min(body.Length, CatalogFile.MaxBytes + 1));
        return await AnswerAsync(source, await _grain.ApplyAsync(new CatalogDocument([.. utf8], source)));
    }

    private async Task<IResult> AnswerAsync(string source, PublishAnswer answer) => answer.Outcome == PublishOutcome.Refused
        ? Refuse(409, "invalid_catalog", string.Join('\n', answer.Errors.Select(error => $"{source}: {error}")))
        : await ShowAsync(answer.Outcome);

    /// <param name="outcome">What publishing came to; null if nothing was to be published.</param>
    private async Task<IResult> ShowAsync(PublishOutcome? outcome)
    {
        if (await _grain.GetAsync(0) is not { } published)
        {
            return NoCatalog();
        }

        var result = Parse(published);
        return Results.Json(
            new CatalogAnswer
            {
                Version = published.Version,
                Outcome = outcome,
                PublishedAt = published.PublishedAt,
                Source = published.Document.Source,
                Bytes = published.Document.Utf8.Length,
                Models = result.Snapshot?.Models.Length ?? 0,
                ChannelsOn = result.Snapshot?.Channels.Count(channel => channel.IsOn) ?? 0,
                Channels = result.Snapshot?.Channels.Length ?? 0,
                Warnings = [.. result.Errors.Concat(result.Warnings).Select(problem => problem.ToString())],
            },
            OperatorJson.Options);
    }

    private IEnumerable<object> Models(PublishedCatalog? published) =>
        published is null || Parse(published).Snapshot is not { } catalog
            ? []
            : from model in catalog.Models
              let routes = catalog.RoutesTo(model)
              where !routes.IsEmpty
              select new { Model = model.Id, Channels = string.Join(' ', routes.Select(route => route.Channel.Name)) };

    private CatalogResult Parse(PublishedCatalog published) =>
        CatalogFile.Parse(published.Document.Utf8.AsMemory(), _environment, _time.GetUtcNow());

    private static IResult NoCatalog() => Refuse(404, "no_catalog", "No catalog is published yet.");
}
