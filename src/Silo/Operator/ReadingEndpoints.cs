using OrleansGateway.Silo.Hosting;
using static OrleansGateway.Silo.Operator.OperatorEndpoints;

namespace OrleansGateway.Silo.Operator;

/// <summary>What is only read: accounts, the ledger, usage, the books, the catalog.</summary>
internal sealed class ReadingEndpoints(IServiceProvider gateway)
{
    private readonly CatalogSource? _catalog = gateway.GetService<CatalogSource>();

    public void Map(IEndpointRouteBuilder routes)
    {
        if (_catalog is not null)
        {
            routes.MapGet("/models", () => Results.Json(Models(_catalog), OperatorJson.Options));
            routes.MapPost("/catalog/reload", () => Reload(_catalog));
        }
    }

    private static IEnumerable<ModelAnswer> Models(CatalogSource catalog)
    {
        var current = catalog.Current;
        return from model in current.Models
               let routes = current.RoutesTo(model)
               where !routes.IsEmpty
               select new ModelAnswer(model.Id, string.Join(' ', routes.Select(route => route.Channel.Name)));
    }

    private static IResult Reload(CatalogSource catalog)
    {
        var errors = catalog.Reload();
        return errors.IsEmpty
            ? Results.Json(new { path = catalog.Path, models = catalog.Current.Models.Length }, OperatorJson.Options)
            : Refuse(409, "invalid_catalog", $"{catalog.Path} is refused, the old catalog stays in force: {string.Join("; ", errors)}");
    }

    private sealed record ModelAnswer(string Model, string Channels);
}
