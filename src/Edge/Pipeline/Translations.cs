using System.Collections.Immutable;
using OrleansGateway.Edge.Dialects;
using OrleansGateway.Edge.Fronts;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.Conversations;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>One request in each protocol that it may have to be sent in.</summary>
internal sealed class Translations(IExchange exchange, DialectSet dialects)
{
    private Dictionary<string, IUpstreamRequest>? _translated;

    /// <summary>Leaves the ways whose protocol can say what the request says.</summary>
    /// <param name="refusal">What the first of them cannot, when none is left.</param>
    public ImmutableArray<Route> Reachable(ImmutableArray<Route> routes, out ApiError? refusal)
    {
        refusal = null;
        foreach (var route in routes)
        {
            var dialect = dialects.Of(route.Channel);
            if (dialect.Takes(exchange.Request.Format, route.Channel) || _translated?.ContainsKey(dialect.Kind) == true)
            {
                continue;
            }

            if (exchange.Facts.IsFree)
            {
                // It asks for no answer of a model: there is nothing to translate.
                routes = routes.Remove(route);
                continue;
            }

            if (Translate(dialect, out var error) is not { } request)
            {
                refusal ??= error;
                routes = routes.Remove(route);
                continue;
            }

            (_translated ??= [])[dialect.Kind] = request;
        }

        refusal = routes.IsEmpty ? refusal : null;
        return routes;
    }

    /// <summary>The request as a channel's provider understands it.</summary>
    public IUpstreamRequest For(IDialect dialect, Channel channel) =>
        dialect.Takes(exchange.Request.Format, channel) ? exchange.Request : _translated![dialect.Kind];

    private IUpstreamRequest? Translate(IDialect dialect, out ApiError error)
    {
        if (exchange.Converse(out error) is not { } conversation)
        {
            return null;
        }

        if (Features.Refused(conversation, dialect.TranslatesTo) is { } use)
        {
            error = new ApiError(
                ErrorKind.InvalidRequest,
                $"'{use.Path}' is not available with the model '{exchange.Facts.Model}': its provider has nothing like it. Send the request without it.",
                use.Path,
                "unsupported_value");
            return null;
        }

        return dialect.Translate(conversation, exchange.Facts, out error);
    }
}
